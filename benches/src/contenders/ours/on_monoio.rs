//! Operations on monoio's files and sockets, which belong to their thread: so does what is kept of them between operations.

use crate::contender::Job;
use crate::echo_server::EchoServer;
use crate::measure::{BoxError, Outcome};
use crate::tasks::operations::{add, during, together};
use crate::tasks::pieces::{PIECE, Pieces, counted, number, place};
use monoio::io::{AsyncReadRentExt, AsyncWriteRentExt};
use monoio::{IoUringDriver, RuntimeBuilder, fs, net::TcpStream};
use pipe_async::Async;
use pipe_core::from_iter;
use std::{cell::RefCell, rc::Rc, sync::Arc};

thread_local! {
    static FILE: RefCell<Option<Rc<fs::File>>> = const { RefCell::new(None) };
    static IDLE: RefCell<Vec<TcpStream>> = const { RefCell::new(Vec::new()) };
}

fn sum<Fut>(job: &Job, operation: impl Fn(u64) -> Fut + Send + Sync + 'static) -> Result<u64, BoxError>
where
    Fut: Future<Output = Result<u64, BoxError>> + 'static,
{
    let outputs = from_iter(0..job.size).try_map_async(move |n| during(operation(n)));
    let outputs = outputs.concurrency(job.parameter as usize).unordered();
    let sum = outputs.fold(|| 0, |sum, n| *sum = add(*sum, n), |all, part| *all = add(*all, part));
    RuntimeBuilder::<IoUringDriver>::new().enable_timer().build()?.block_on(async {
        let report = sum.run_on(&Async::monoio()).await;
        // They are closed through the runtime.
        drop((FILE.take(), IDLE.take()));
        Ok(report?.value)
    })
}

pub(crate) fn cached(job: &Job) -> Result<Outcome, BoxError> {
    let pieces = Pieces::write()?;
    let path = pieces.path.clone();
    let open = move || Rc::new(std::fs::File::open(&path).and_then(fs::File::from_std).expect("it is there"));
    let kept = move || FILE.with_borrow_mut(|kept| kept.get_or_insert_with(&open).clone());
    let read = async |n, file: Rc<fs::File>| {
        let (read, piece) = file.read_exact_at(Vec::with_capacity(PIECE), place(n)).await;
        read.map(|()| number(&piece)).map_err(Into::into)
    };
    counted(job, together(job, || sum(job, move |n| read(n, kept())))?)
}

pub(crate) fn requests(job: &Job) -> Result<Outcome, BoxError> {
    let server = EchoServer::start()?;
    let address: Arc<str> = server.address.as_str().into();
    let request = async |n: u64, address: Arc<str>| -> Result<u64, BoxError> {
        let idle = IDLE.with_borrow_mut(Vec::pop);
        let mut socket = if let Some(idle) = idle { idle } else { TcpStream::connect(&*address).await? };
        socket.set_nodelay(true)?;
        socket.write_all([8u32.to_be_bytes().as_slice(), &n.to_be_bytes()].concat()).await.0?;
        let (read, answer) = socket.read_exact(vec![0; 12]).await;
        IDLE.with_borrow_mut(|kept| kept.push(socket));
        read?;
        Ok(u64::from_be_bytes(answer[4..].try_into()?))
    };
    together(job, || sum(job, move |n| request(n, address.clone())))
}
