//! Writes agent/proto/src/generated from agent.proto. Run it in this folder: `cargo run`.

use std::error::Error;
use std::fs;
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// Where a file of its own begins in what is generated, with the name of the module that it holds.
const MODULES: [&str; 2] = ["agent_client", "agent_server"];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let proto = folder.join("proto");
    let made = tempfile()?;
    let files = protox::compile([proto.join("agent.proto")], [&proto])?;
    tonic_prost_build::configure().build_transport(false).out_dir(&made).compile_fds(files)?;
    let text = fs::read_to_string(made.join("kubeopt.agent.v1.rs"))?;
    fs::remove_dir_all(&made)?;

    let mut messages = syn::parse_file(&text)?;
    let mut services = Vec::new();
    messages.items.retain(|item| match item {
        syn::Item::Mod(module) if MODULES.iter().any(|name| module.ident == name) => {
            services.push(module.clone());
            false
        }
        _ => true,
    });
    let generated = folder.join("src/generated");
    let mut digest = Sha256::new();
    let mut write = |name: &str, purpose: &str, code: String| {
        let text = format!("//! {purpose} Made from agent.proto by agent/proto/generate.\n\n{code}");
        digest.update(&text);
        fs::write(generated.join(name), text)
    };
    write("messages.rs", "What is said.", prettyplease::unparse(&messages))?;
    for (module, (name, purpose)) in
        services.into_iter().zip([("client.rs", "The agent's end."), ("server.rs", "The controller's end.")])
    {
        let (_, items) = module.content.ok_or("a module without content")?;
        // The messages are one level up from the module that was taken apart.
        let file = syn::File { shebang: None, attrs: Vec::new(), items };
        let code = prettyplease::unparse(&file).replace("super::", "super::messages::");
        write(name, purpose, code)?;
    }
    let wire = Sha256::digest(meaning(&fs::read_to_string(proto.join("agent.proto"))?));
    let stamps = format!(
        "//! What the generated files were made from, and what they were then.\n\n\
         /// SHA-256 of agent.proto without comments and spaces.\n\
         pub(crate) const PROTO_SHA256: &str = \"{wire:x}\";\n\
         /// SHA-256 of messages.rs, client.rs and server.rs, one after the other.\n\
         pub(crate) const FILES_SHA256: &str = \"{:x}\";\n",
        digest.finalize()
    );
    fs::write(generated.join("stamps.rs"), stamps)?;
    Ok(())
}

/// The definition without comments and spaces; src/current_tests.rs does the same.
fn meaning(proto: &str) -> String {
    let code = proto.lines().map(|line| line.split("//").next().unwrap_or_default());
    code.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

fn tempfile() -> std::io::Result<std::path::PathBuf> {
    let folder = std::env::temp_dir().join(format!("kubeopt-proto-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    Ok(folder)
}
