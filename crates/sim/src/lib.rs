//! A simulator that attacks the boundary between the product and its gateways.
//!
//! The `sandbox` plays the gateways on the wire; here they are played behind `GatewayClient`, with
//! no sockets and no time of their own, so that everything that happens in a run is decided by one
//! seed: who runs next at every await, which process dies or freezes where, what the network loses,
//! and what people ask for meanwhile. The product's real use cases, jobs and store run inside. A
//! central bank knows what was really executed, and an auditor compares after every commit.
//!
//! [`plan`] draws a run from its seed, [`world`] builds the product's processes, [`workload`] and
//! [`mishaps`] act on them, [`audit`] and [`verdict`] judge, [`run`] leads one run to its report.

pub mod audit;
pub mod bank;
pub mod campaign;
pub mod faults;
pub mod gateway;
pub mod mishaps;
pub mod plan;
pub mod points;
pub mod run;
pub mod runtime;
pub mod shrink;
pub mod trace;
mod verdict;
pub mod watched;
pub mod workload;
pub mod world;
