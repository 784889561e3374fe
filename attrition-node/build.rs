//! Links the addon, and tells the derive macro where to write the declarations that `scripts/addon.mjs` reads.
use std::path::Path;

fn main() {
    napi_build::setup();
    // Names of functions are a third of the library, and nobody who installs it looks at them.
    match std::env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("linux") => println!("cargo::rustc-cdylib-link-arg=-Wl,--strip-all"),
        Ok("macos") => println!("cargo::rustc-cdylib-link-arg=-Wl,-x"),
        _ => {}
    }
    // OUT_DIR is <target>/<profile>/build/<package>/out.
    let out = std::env::var("OUT_DIR").unwrap_or_default();
    if let Some(profile) = Path::new(&out).ancestors().nth(3) {
        let types = profile.join("napi-types");
        if std::fs::create_dir_all(&types).is_ok() {
            println!("cargo::rustc-env=NAPI_TYPE_DEF_TMP_FOLDER={}", types.display());
        }
    }
}
