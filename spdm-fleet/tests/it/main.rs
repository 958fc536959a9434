//! Tests of many devices.

mod journal;
mod sample;
