//! Refuses interpreters that the package does not work with.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let python = pyo3_build_config::get();
    if python.build_flags().0.contains(&pyo3_build_config::BuildFlag::Py_GIL_DISABLED) {
        println!(
            "cargo::error=apptuit needs a Python with the interpreter's lock: \
             free-threaded builds, such as python3.14t, are not supported"
        );
    }
}
