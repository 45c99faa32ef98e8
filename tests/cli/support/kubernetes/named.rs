//! The cluster that `KUBECONFIG` names, where it is on this machine: tests make and delete objects in it.

use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::runtime::Runtime;

use super::{Answer, Backend, Call};

pub(super) struct Named {
    client: Client,
    runtime: Runtime,
}

impl Named {
    /// The cluster; none where there is none, and none that is elsewhere: it may be somebody's production.
    pub(super) fn shared() -> Option<Arc<Self>> {
        static NAMED: OnceLock<Option<Arc<Named>>> = OnceLock::new();
        NAMED.get_or_init(|| Self::connect(&std::env::var_os("KUBECONFIG")?)).clone()
    }

    fn connect(paths: &std::ffi::OsStr) -> Option<Arc<Self>> {
        let path = std::env::split_paths(paths).next()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let config = runtime.block_on(read(&path));
        if !is_here(&config) {
            #[expect(clippy::print_stderr, reason = "what was not tested must be seen")]
            {
                eprintln!(
                    "KUBECONFIG names a cluster that is not on this machine: it is not touched"
                );
            }
            return None;
        }
        let client = runtime.block_on(async { Client::try_from(config).unwrap() });
        Some(Arc::new(Self { client, runtime }))
    }
}

async fn read(path: &Path) -> Config {
    let file = Kubeconfig::read_from(path).unwrap();
    Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap()
}

fn is_here(config: &Config) -> bool {
    let host = config.cluster_url.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl Backend for Named {
    fn answer(&self, call: &Call) -> Answer {
        let mut request = http::Request::builder()
            .method(call.method.as_str())
            .uri(&call.target)
            .header("accept", &call.accept);
        if !call.body.is_empty() {
            request = request.header("content-type", &call.content);
        }
        let request = request.body(call.body.clone()).unwrap();
        match self.runtime.block_on(self.client.request_text(request)) {
            Ok(text) => Answer { code: 200, body: text.into_bytes() },
            Err(kube::Error::Api(status)) => {
                Answer { code: status.code, body: serde_json::to_vec(&status).unwrap() }
            }
            Err(error) => panic!("{} {}: {error}", call.method, call.target),
        }
    }

    fn is_lasting(&self) -> bool {
        true
    }
}
