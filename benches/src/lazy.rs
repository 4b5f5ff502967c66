//! What a run may not need.

use std::cell::OnceCell;
use std::rc::Rc;

use anyhow::Result;

/// Made when it is first asked for, since a filter may leave its cases out.
pub(crate) struct Lazy<T>(Rc<LazyState<T>>);

struct LazyState<T> {
    value: OnceCell<T>,
    make: Box<dyn Fn() -> Result<T>>,
}

impl<T> Lazy<T> {
    pub(crate) fn new(make: impl Fn() -> Result<T> + 'static) -> Self {
        Self(Rc::new(LazyState {
            value: OnceCell::new(),
            make: Box::new(make),
        }))
    }

    pub(crate) fn value(&self) -> Result<&T> {
        if self.0.value.get().is_none() {
            let value = (self.0.make)()?;
            _ = self.0.value.set(value);
        }
        Ok(self.0.value.get().expect("it has just been made"))
    }
}

impl<T> Clone for Lazy<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}
