//! Names that the crate `pop3` mentions. No value of any of them can be made.

/// As in the crate that this stands in for.
pub mod ssl {
    use std::convert::Infallible;
    use std::io::{self, Read, Write};
    use std::marker::PhantomData;

    /// Of none.
    #[derive(Debug)]
    pub struct SslConnector(Infallible);

    impl SslConnector {
        /// Never called.
        pub fn connect<S>(&self, _: &str, _: S) -> Result<SslStream<S>, Infallible> {
            match self.0 {}
        }
    }

    /// Of none.
    #[derive(Debug)]
    pub struct SslStream<S>(Infallible, PhantomData<S>);

    impl<S> Read for SslStream<S> {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            match self.0 {}
        }
    }

    impl<S> Write for SslStream<S> {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            match self.0 {}
        }

        fn flush(&mut self) -> io::Result<()> {
            match self.0 {}
        }
    }
}
