//! Tests of the server through its routes and through a real connection.

#![allow(clippy::unwrap_used, reason = "a panic in a test is its failure")]

mod connections;
mod forge;
mod health;
mod sample;
mod webhooks;
