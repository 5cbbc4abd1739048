//! What the operations of a program do, by their codes in `kernels/map.cu`.

#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Op<T> {
    code: u32,
    a: T,
    b: T,
}

#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Program<T> {
    len: u32,
    ops: [Op<T>; 32],
}

pub(crate) trait Number: Copy + PartialOrd + Send + 'static {
    /// The operations that are other ones for integers and floats. `None` for a code that there is not.
    fn arithmetic(self, op: &Op<Self>) -> Option<Self>;

    /// All operations.
    fn step(self, op: &Op<Self>) -> Option<Self> {
        let (x, a, b) = (self, op.a, op.b);
        let keep = |holds: bool| Some(if holds { x } else { b });
        match op.code {
            7 if x < a => Some(a),
            7 if x > b => Some(b),
            7 => Some(x),
            8 => keep(x < a),
            9 => keep(x <= a),
            10 => keep(x == a),
            11 => keep(x != a),
            12 => keep(x >= a),
            13 => keep(x > a),
            _ => self.arithmetic(op),
        }
    }
}

impl<T: Number> Program<T> {
    pub(crate) fn run(&self, numbers: &mut [T]) -> Result<(), String> {
        let ops = self.ops.get(..self.len as usize).ok_or("a program that is longer than its list")?;
        for number in numbers {
            for op in ops {
                *number = number.step(op).ok_or_else(|| format!("no operation has the code {}", op.code))?;
            }
        }
        Ok(())
    }
}

macro_rules! float {
    ($($float:ty)+) => { $(
        impl Number for $float {
            fn arithmetic(self, op: &Op<Self>) -> Option<Self> {
                let (x, a) = (self, op.a);
                Some(match op.code {
                    0 => x + a,
                    1 => x - a,
                    2 => x * a,
                    3 => x.mul_add(a, op.b),
                    4 => x * x,
                    5 => x.abs(),
                    6 => -x,
                    14 => x / a,
                    15 => x.sqrt(),
                    16 => x.exp(),
                    17 => x.ln(),
                    18 => x.tanh(),
                    19 if x < 0.0 => x.exp() / (1.0 + x.exp()),
                    19 => 1.0 / (1.0 + (-x).exp()),
                    20 => x.powf(a),
                    21 => x.floor(),
                    22 => x.ceil(),
                    23 => x.round_ties_even(),
                    24 => x.trunc(),
                    _ => return None,
                })
            }
        }
    )+ };
}
// For example: impl Number for f32 { fn arithmetic(self, op: &Op<f32>) -> Option<f32> { .. } }
float!(f32 f64);

macro_rules! integer {
    ($($integer:ty: $abs:expr;)+) => { $(
        impl Number for $integer {
            fn arithmetic(self, op: &Op<Self>) -> Option<Self> {
                let (x, a) = (self, op.a);
                let abs: fn(Self) -> Self = $abs;
                Some(match op.code {
                    0 => x.wrapping_add(a),
                    1 => x.wrapping_sub(a),
                    2 => x.wrapping_mul(a),
                    3 => x.wrapping_mul(a).wrapping_add(op.b),
                    4 => x.wrapping_mul(x),
                    5 => abs(x),
                    6 => x.wrapping_neg(),
                    _ => return None,
                })
            }
        }
    )+ };
}
// For example: impl Number for i32 { fn arithmetic(self, op: &Op<i32>) -> Option<i32> { .. } }
integer! {
    i32: i32::wrapping_abs;
    i64: i64::wrapping_abs;
    u8: |x| x;
    u16: |x| x;
}
