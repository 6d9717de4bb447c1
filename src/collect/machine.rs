//! What machine this is: what /proc does not hold in one place, by way of sysinfo. Asked once; not part of a snapshot.

use crate::text::Text;
use sysinfo::{CpuRefreshKind, RefreshKind, System};

/// Names of the machine that sysview itself runs on, whatever /proc it reads; `None` where the system has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Name of the host.
    pub host: Option<Text>,
    /// Kernel, its release and the architecture.
    pub kernel: Option<Text>,
    /// Distribution and its version (`/etc/os-release`).
    pub distribution: Option<Text>,
    /// Model of the first CPU.
    pub cpu: Option<Text>,
}

impl Machine {
    /// Ask the system.
    #[must_use]
    pub fn read() -> Self {
        let text = |name: &str| Some(name.trim()).filter(|name| !name.is_empty()).map(Text::from);
        let system = System::new_with_specifics(RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing())).ok();
        let version = System::os_version().unwrap_or_default();
        Self {
            host: System::host_name().ok().as_deref().and_then(text),
            kernel: System::kernel_version()
                .ok()
                .and_then(|kernel| text(&format!("Linux {kernel} {}", System::cpu_arch()))),
            distribution: System::name().ok().and_then(|name| text(&format!("{name} {version}"))),
            cpu: system.as_ref().and_then(|system| text(system.cpus().first()?.brand())),
        }
    }
}
