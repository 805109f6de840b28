//! The HTTP contract, over raw sockets.

mod auth;
mod complete;
mod hostile;
mod page;
mod put;
mod query;
mod stop;
mod suggest;
mod support;
mod tls;
