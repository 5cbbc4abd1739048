// Lines of four numbers through a pipeline of oneTBB: serial, parallel, parallel, serial in order.
//
// usage: tbb_lines FUNCTION --size ROWS --workers THREADS --input FILE
//
// FUNCTION is what an item is: `lines`, `chunks` of 256 lines, `blocks` of 64 KiB of whole lines; `blocks_fused` does all of the parallel work
// on a block in one filter, and reads into memory that nobody has filled with zeros. Says in one line of JSON what came of
// it, as all contenders do. Compiled by `cargo xtask peers`.

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_pipeline.h>
#include <sys/resource.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace tbb = oneapi::tbb;
using std::string;
using std::uint64_t;
using std::vector;

using Numbers = std::array<uint64_t, 4>;

// The shared work: see tasks/number_lines.rs and tasks/costed.rs.

static uint64_t work(uint64_t x) {
    for (int round = 0; round < 16; round++) {
        x = (x ^ 0xD1B54A32D192ED03) * 0x2545F4914F6CDD1D;
    }
    return x;
}

static Numbers parse(const char *at, const char *end) {
    Numbers numbers{};
    for (uint64_t &number : numbers) {
        for (; at < end && *at != ','; at++) {
            number = number * 10 + static_cast<unsigned char>(*at - '0');
        }
        at++;
    }
    return numbers;
}

static uint64_t mixed(const Numbers &numbers) {
    uint64_t all = 0;
    for (uint64_t number : numbers) {
        all = all * 31 + work(number);
    }
    return all;
}

// The serial sink: its sum depends on the order.
struct Ordered {
    uint64_t sum = 0;
    void take(uint64_t x) { sum = sum * 31 + x; }
};

// Live items for each thread: more bring nothing, fewer stall.
static const size_t TOKENS_PER_THREAD = 8;

struct Job {
    string input;
    size_t workers;
    size_t tokens() const { return workers * TOKENS_PER_THREAD; }
};

using tbb::filter_mode;
using tbb::flow_control;
using tbb::make_filter;

void lines(const Job &job, Ordered &sink) {
    std::ifstream file(job.input, std::ios::binary);
    tbb::parallel_pipeline(
        job.tokens(),
        make_filter<void, string>(filter_mode::serial_in_order,
                                  [&](flow_control &flow) {
                                      string line;
                                      if (!std::getline(file, line)) flow.stop();
                                      return line;
                                  }) &
            make_filter<string, Numbers>(
                filter_mode::parallel,
                [](const string &line) { return parse(line.data(), line.data() + line.size()); }) &
            make_filter<Numbers, uint64_t>(filter_mode::parallel,
                                           [](const Numbers &numbers) { return mixed(numbers); }) &
            make_filter<uint64_t, void>(filter_mode::serial_in_order, [&](uint64_t x) { sink.take(x); }));
}

void chunks(const Job &job, Ordered &sink) {
    std::ifstream file(job.input, std::ios::binary);
    tbb::parallel_pipeline(
        job.tokens(),
        make_filter<void, vector<string>>(filter_mode::serial_in_order,
                                          [&](flow_control &flow) {
                                              vector<string> chunk;
                                              chunk.reserve(256);
                                              string line;
                                              while (chunk.size() < 256 && std::getline(file, line)) {
                                                  chunk.push_back(std::move(line));
                                              }
                                              if (chunk.empty()) flow.stop();
                                              return chunk;
                                          }) &
            make_filter<vector<string>, vector<Numbers>>(
                filter_mode::parallel,
                [](const vector<string> &chunk) {
                    vector<Numbers> parsed;
                    parsed.reserve(chunk.size());
                    for (const string &line : chunk) parsed.push_back(parse(line.data(), line.data() + line.size()));
                    return parsed;
                }) &
            make_filter<vector<Numbers>, vector<uint64_t>>(
                filter_mode::parallel,
                [](const vector<Numbers> &parsed) {
                    vector<uint64_t> done;
                    done.reserve(parsed.size());
                    for (const Numbers &numbers : parsed) done.push_back(mixed(numbers));
                    return done;
                }) &
            make_filter<vector<uint64_t>, void>(filter_mode::serial_in_order, [&](const vector<uint64_t> &done) {
                for (uint64_t x : done) sink.take(x);
            }));
}

void blocks(const Job &job, Ordered &sink) {
    std::ifstream file(job.input, std::ios::binary);
    tbb::parallel_pipeline(
        job.tokens(),
        make_filter<void, string>(filter_mode::serial_in_order,
                                  [&](flow_control &flow) {
                                      string block(64 << 10, '\0'), rest;
                                      file.read(&block[0], static_cast<std::streamsize>(block.size()));
                                      block.resize(static_cast<size_t>(file.gcount()));
                                      if (block.empty()) {
                                          flow.stop();
                                      } else if (block.back() != '\n' && std::getline(file, rest)) {
                                          block += rest;
                                          block += '\n';
                                      }
                                      return block;
                                  }) &
            make_filter<string, vector<Numbers>>(
                filter_mode::parallel,
                [](const string &block) {
                    vector<Numbers> parsed;
                    parsed.reserve(block.size() / 16);
                    const char *at = block.data(), *end = at + block.size();
                    while (at < end) {
                        const void *found = std::memchr(at, '\n', static_cast<size_t>(end - at));
                        const char *feed = found ? static_cast<const char *>(found) : end;
                        parsed.push_back(parse(at, feed));
                        at = feed + 1;
                    }
                    return parsed;
                }) &
            make_filter<vector<Numbers>, vector<uint64_t>>(
                filter_mode::parallel,
                [](const vector<Numbers> &parsed) {
                    vector<uint64_t> done;
                    done.reserve(parsed.size());
                    for (const Numbers &numbers : parsed) done.push_back(mixed(numbers));
                    return done;
                }) &
            make_filter<vector<uint64_t>, void>(filter_mode::serial_in_order, [&](const vector<uint64_t> &done) {
                for (uint64_t x : done) sink.take(x);
            }));
}

// A block of whole lines. `new char[]` leaves it as it is, where a string would be filled with zeros before it is read into.
struct Block {
    std::shared_ptr<char[]> bytes;
    size_t size = 0;
};

static void work_on_lines(const char *at, const char *end, vector<uint64_t> &done) {
    while (at < end) {
        const void *found = std::memchr(at, '\n', static_cast<size_t>(end - at));
        const char *feed = found ? static_cast<const char *>(found) : end;
        done.push_back(mixed(parse(at, feed)));
        at = feed + 1;
    }
}

void blocks_fused(const Job &job, Ordered &sink) {
    static const size_t SIZE = 64 << 10;
    // The longest line that is moved to behind a block; there is room for it.
    static const size_t LINE = 256;
    std::ifstream file(job.input, std::ios::binary);
    tbb::parallel_pipeline(
        job.tokens(),
        make_filter<void, Block>(filter_mode::serial_in_order,
                                 [&](flow_control &flow) {
                                     Block block;
                                     string rest;
                                     block.bytes.reset(new char[SIZE + LINE]);
                                     char *bytes = block.bytes.get();
                                     file.read(bytes, static_cast<std::streamsize>(SIZE));
                                     block.size = static_cast<size_t>(file.gcount());
                                     if (block.size == 0) {
                                         flow.stop();
                                     } else if (bytes[block.size - 1] != '\n' && std::getline(file, rest)) {
                                         if (rest.size() > LINE) {
                                             std::fprintf(stderr, "a line of more than %zu bytes\n", LINE);
                                             std::exit(1);
                                         }
                                         std::memcpy(bytes + block.size, rest.data(), rest.size());
                                         block.size += rest.size();
                                     }
                                     return block;
                                 }) &
            make_filter<Block, vector<uint64_t>>(filter_mode::parallel,
                                                 [](const Block &block) {
                                                     vector<uint64_t> done;
                                                     done.reserve(block.size / 16);
                                                     const char *at = block.bytes.get();
                                                     work_on_lines(at, at + block.size, done);
                                                     return done;
                                                 }) &
            make_filter<vector<uint64_t>, void>(filter_mode::serial_in_order, [&](const vector<uint64_t> &done) {
                for (uint64_t x : done) sink.take(x);
            }));
}

static double cpu_seconds() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    auto seconds = [](const timeval &time) { return double(time.tv_sec) + 1e-6 * double(time.tv_usec); };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

// VmHWM in bytes, or null where the system has no /proc.
static string peak_rss_bytes() {
    std::ifstream status("/proc/self/status");
    for (string line; std::getline(status, line);) {
        if (line.rfind("VmHWM:", 0) == 0) return std::to_string(std::stoull(line.substr(6)) * 1024);
    }
    return "null";
}

int main(int count, char **words) {
    const std::map<string, void (*)(const Job &, Ordered &)> functions{
        {"lines", lines}, {"chunks", chunks}, {"blocks", blocks}, {"blocks_fused", blocks_fused}};
    auto function = functions.find(count > 1 ? words[1] : "");
    std::map<string, string> options;
    for (int at = 2; at + 1 < count; at += 2) options[words[at]] = words[at + 1];
    if (function == functions.end() || options["--input"].empty() || options["--workers"].empty()) {
        std::fprintf(stderr, "usage: tbb_lines lines|chunks|blocks|blocks_fused --size ROWS --workers THREADS --input FILE\n");
        return 2;
    }
    const Job job{options["--input"], std::stoul(options["--workers"])};
    if (!std::ifstream(job.input)) {
        std::fprintf(stderr, "%s: it cannot be read\n", job.input.c_str());
        return 1;
    }
    Ordered sink;
    const double cpu = cpu_seconds();
    const auto start = std::chrono::steady_clock::now();
    {
        tbb::global_control threads(tbb::global_control::max_allowed_parallelism, job.workers);
        function->second(job, sink);
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::printf(
        "{\"items\": %s, \"seconds\": %.9f, \"cpu_seconds\": %.6f, \"peak_rss_bytes\": %s, \"answer\": \"%016llx\"}\n",
        options["--size"].c_str(), seconds, cpu_seconds() - cpu, peak_rss_bytes().c_str(),
        static_cast<unsigned long long>(sink.sum));
}
