//! Git objects, Flux source resolution, and the renderer's client.
