//! The load: 32 connections that each send a call, wait for its answer and send the next.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub const CONNECTIONS: usize = 32;

/// What came of it.
pub struct Measured {
    pub per_second: f64,
    pub p50: Duration,
    pub p99: Duration,
}

/// Account `index` of `ids`, in its version `version`: 10 % resellers, 70 % end customers, 20 % direct customers.
pub fn body(index: u64, ids: u64, version: u64, out: &mut String) {
    use std::fmt::Write;
    let resellers = ids / 10;
    let direct_from = ids - ids / 5;
    let (role, reseller) = match index {
        index if index < resellers => ("Reseller", String::new()),
        index if index < direct_from => ("User", (1_000_000 + index % resellers).to_string()),
        _ => ("User", String::new()),
    };
    out.clear();
    write!(
        out,
        "{{\"ID\":\"{}\",\"Role\":\"{role}\",\"ExternalID\":\"\",\"ResellerID\":\"{reseller}\",\"ResellerExternalID\":\"\",\
         \"Name\":\"Account {index} v{version}\",\"Code\":\"C{index}\",\"Phone\":\"+30 2310 550 100\",\"Fax\":\"\",\"WebSite\":\"\",\
         \"Email\":\"it@account{index}.example\",\"IsTest\":false,\"Description\":\"\",\"ExtraDetails\":{{}},\
         \"SyncOptions\":{{\"DomainPrefix\":\"p{index}\",\"MPNID\":{}}},\
         \"ContactDetails\":{{\"ID\":\"{index}\",\"FirstName\":\"Maria\",\"LastName\":\"O'Neil\",\"Phone\":\"\",\"Fax\":\"\",\
         \"Email\":\"maria@account{index}.example\"}},\
         \"Address\":{{\"Address1\":\"1 High St\",\"Address2\":\"\",\"City\":\"London\",\"PostCode\":\"N1 9GU\",\
         \"State\":{{\"Code\":\"\",\"Name\":\"\"}},\"Country\":{{\"Code\":\"GB\",\"Name\":\"United Kingdom\"}}}}}}",
        1_000_000 + index,
        1_000_000 + version % 1_000,
    )
    .unwrap();
}

/// Sends `calls` calls, or as many as fit into `time`; call `n` is about account `order(n)`.
fn run(address: SocketAddr, ids: u64, first_version: u64, calls: Option<u64>, time: Option<Duration>) -> Measured {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let local = tokio::task::LocalSet::new();
    let next = Rc::new(Cell::new(0_u64));
    let latencies: Rc<RefCell<Vec<u32>>> = Rc::default();
    let began = Instant::now();
    local.block_on(&runtime, async {
        let mut tasks = Vec::new();
        for _ in 0..CONNECTIONS {
            let (next, latencies) = (next.clone(), latencies.clone());
            tasks.push(tokio::task::spawn_local(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                let (mut text, mut request, mut answer) = (String::new(), Vec::new(), vec![0; 4096]);
                loop {
                    let call = next.get();
                    if calls.is_some_and(|calls| call >= calls) || time.is_some_and(|time| began.elapsed() >= time) {
                        return;
                    }
                    next.set(call + 1);
                    // A stride that is prime to the number of accounts visits each once before any twice.
                    let index = call.wrapping_mul(7_368_787) % ids;
                    body(index, ids, first_version + call / ids, &mut text);
                    request.clear();
                    request.extend_from_slice(
                        format!(
                            "POST /api/Accounts/Synchronize HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n\
                             X-CloudPlatform-ApplicationId: {}\r\nX-CloudPlatform-APIKey: {}\r\n\
                             X-CloudPlatform-TrackId: {call}\r\nContent-Length: {}\r\n\r\n",
                            super::server::APPLICATION_ID,
                            super::server::API_KEY,
                            text.len()
                        )
                        .as_bytes(),
                    );
                    request.extend_from_slice(text.as_bytes());
                    let sent = Instant::now();
                    stream.write_all(&request).await.unwrap();
                    let read = stream.read(&mut answer).await.unwrap();
                    let micros = u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX);
                    latencies.borrow_mut().push(micros);
                    let answer = &answer[..read];
                    assert!(
                        answer.starts_with(b"HTTP/1.1 200") && answer.windows(9).any(|window| window == b"\"Code\":0,"),
                        "{}",
                        String::from_utf8_lossy(answer)
                    );
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
    let took = began.elapsed();
    let mut latencies = latencies.take();
    latencies.sort_unstable();
    let at = |share: f64| {
        let position = (latencies.len() as f64 * share) as usize;
        Duration::from_micros(u64::from(latencies[position.min(latencies.len() - 1)]))
    };
    Measured { per_second: latencies.len() as f64 / took.as_secs_f64(), p50: at(0.5), p99: at(0.99) }
}

/// Makes every account once, resellers and customers in any order.
pub fn fill(address: SocketAddr, ids: u64) -> Measured {
    run(address, ids, 1, Some(ids), None)
}

/// Changes accounts for some time.
pub fn change(address: SocketAddr, ids: u64, time: Duration) -> Measured {
    run(address, ids, 2, None, Some(time))
}
