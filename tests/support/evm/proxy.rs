//! A node that misbehaves: it stands before a chain, counts what it is asked, and answers as it is told to.

use std::convert::Infallible;
use std::future::pending;
use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc as blocking};
use std::time::Duration;

use futures_util::stream::{self, Stream, StreamExt as _};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Collected, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Chain;
use super::seen::{Seen, calls, size};

/// How a node answers. Whatever it does, it counts what it is asked.
#[derive(Clone, Debug)]
pub enum Mood {
    /// As its chain does.
    Faithful,
    /// As its chain does, this much later.
    Late(Duration),
    /// Never.
    Hangs,
    /// Not at all: its port is closed, and so are the connections that it had.
    Refuses,
    /// With half of what its chain answers, and then the connection is gone.
    Cuts,
    /// With one gigabyte that begins like an answer.
    Endless,
    /// With this status and body: 500, 429, or something that is no JSON.
    Says(u16, &'static str),
    /// With this result for every call.
    Results(Value),
    /// With a JSON-RPC error of this code and message for every call.
    Fails(i64, &'static str),
    /// As its chain does, but with this error when an `aggregate3`, or a list, has more calls than this.
    AtMost(usize, &'static str),
    /// As its chain does, but this much later whenever the question has to do with this contract.
    LateAbout(String, Duration),
    /// As its chain does, but it says that it is another.
    OtherChain(u64),
}

/// A node before a chain. Dropping it closes its port and its connections.
pub struct Proxy {
    /// Where it is: `http://127.0.0.1:PORT`.
    pub url: String,
    desk: Arc<Desk>,
    orders: mpsc::UnboundedSender<blocking::Sender<()>>,
}

impl Proxy {
    /// A faithful node before `chain`.
    pub fn to(chain: &Chain) -> Self {
        let desk = Arc::new(Desk {
            client: reqwest::Client::builder().no_proxy().build().expect("an HTTP client"),
            node: Mutex::new(chain.url.clone()),
            mood: Mutex::new(Mood::Faithful),
            seen: Mutex::default(),
            under_way: AtomicUsize::new(0),
        });
        let (orders, received) = mpsc::unbounded_channel();
        let (tell, told) = blocking::channel();
        let behind = Arc::clone(&desk);
        // On a thread of its own, so that tests within and without a runtime may wait for it.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let socket = bound(SocketAddr::from(([127, 0, 0, 1], 0)));
                tell.send(socket.local_addr().expect("the address of a socket")).ok();
                serve(socket, behind, received).await;
            });
        });
        let address = told.recv().expect("a free port");
        Self { url: format!("http://{address}"), desk, orders }
    }

    /// Answers from now on as `mood` says.
    pub fn be(&self, mood: Mood) {
        *self.desk.mood.lock().expect("no panic while locked") = mood;
        let (done, wait) = blocking::channel();
        self.orders.send(done).expect("the proxy runs");
        wait.recv().expect("the proxy runs");
    }

    /// Stands before another chain from now on.
    pub fn turn_to(&self, chain: &Chain) {
        chain.url.clone_into(&mut self.desk.node.lock().expect("no panic while locked"));
    }

    /// What it has seen since it was last asked.
    pub fn seen(&self) -> Seen {
        std::mem::take(&mut self.desk.seen.lock().expect("no panic while locked"))
    }
}

enum Port {
    Open(TcpListener),
    /// Taken, so that nobody else gets it, but whoever connects is refused.
    Closed(TcpSocket),
}

impl Port {
    fn open(socket: TcpSocket) -> Self {
        Self::Open(socket.listen(1024).expect("a bound socket listens"))
    }

    fn closed(self) -> Self {
        match self {
            Self::Open(listener) => {
                let address = listener.local_addr().expect("the address of a listener");
                drop(listener);
                // Meanwhile somebody may go out from this very port; that is over soon.
                let again = (0..100).find_map(|_| {
                    let socket = try_bound(address);
                    if socket.is_err() {
                        std::thread::sleep(Duration::from_millis(50));
                    }
                    socket.ok()
                });
                Self::Closed(again.expect("its own port"))
            }
            Self::Closed(_) => self,
        }
    }

    fn opened(self) -> Self {
        match self {
            Self::Open(_) => self,
            Self::Closed(socket) => Self::open(socket),
        }
    }

    async fn accept(&self) -> TcpStream {
        match self {
            Self::Open(listener) => loop {
                if let Ok((stream, _)) = listener.accept().await {
                    return stream;
                }
            },
            Self::Closed(_) => pending().await,
        }
    }
}

fn bound(address: SocketAddr) -> TcpSocket {
    try_bound(address).expect("a free port")
}

fn try_bound(address: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("a socket takes an option");
    socket.bind(address)?;
    Ok(socket)
}

async fn serve(socket: TcpSocket, desk: Arc<Desk>, mut orders: mpsc::UnboundedReceiver<blocking::Sender<()>>) {
    let (mut port, mut connections) = (Port::open(socket), JoinSet::new());
    loop {
        tokio::select! {
            order = orders.recv() => {
                let Some(done) = order else { return };
                if matches!(desk.mood(), Mood::Refuses) {
                    port = port.closed();
                    connections.shutdown().await;
                } else {
                    port = port.opened();
                }
                done.send(()).ok();
            }
            stream = port.accept() => {
                desk.see(|seen| seen.connections += 1);
                connections.spawn(talk(stream, Arc::clone(&desk)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn talk(stream: TcpStream, desk: Arc<Desk>) {
    stream.set_nodelay(true).ok();
    let service = service_fn(|request| Arc::clone(&desk).answer(request));
    // What fails here is the client's going, or our own cutting.
    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
}

type Body = UnsyncBoxBody<Bytes, Error>;

struct Desk {
    client: reqwest::Client,
    /// The URL of the chain.
    node: Mutex<String>,
    mood: Mutex<Mood>,
    seen: Mutex<Seen>,
    under_way: AtomicUsize,
}

/// A request, until it is answered or its client is gone.
struct UnderWay<'a>(&'a AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Desk {
    fn mood(&self) -> Mood {
        self.mood.lock().expect("no panic while locked").clone()
    }

    fn see(&self, note: impl FnOnce(&mut Seen)) {
        note(&mut self.seen.lock().expect("no panic while locked"));
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        let question = request.into_body().collect().await.map(Collected::to_bytes).unwrap_or_default();
        let asked: Value = serde_json::from_slice(&question).unwrap_or_default();
        let at_once = self.under_way.fetch_add(1, Ordering::Relaxed) + 1;
        let desk = Arc::clone(&self);
        let _under_way = UnderWay(&desk.under_way);
        self.see(|seen| {
            seen.count(&asked);
            seen.at_once = seen.at_once.max(at_once);
        });
        Ok(match self.mood() {
            Mood::AtMost(most, message) if size(&asked) > most => {
                each(&asked, "error", &json!({"code": -32000, "message": message}))
            }
            Mood::Faithful | Mood::AtMost(..) => self.forward(question).await,
            Mood::Late(span) => {
                sleep(span).await;
                self.forward(question).await
            }
            Mood::LateAbout(contract, span) => {
                let asked = String::from_utf8_lossy(&question).to_ascii_lowercase();
                if asked.contains(&contract.to_ascii_lowercase()[2..]) {
                    sleep(span).await;
                }
                self.forward(question).await
            }
            Mood::Hangs | Mood::Refuses => pending().await,
            Mood::Cuts => half(self.forward(question).await).await,
            Mood::Endless => response(200, streamed(self.endless())),
            Mood::Says(status, text) => whole(status, text),
            Mood::Results(result) => each(&asked, "result", &result),
            Mood::Fails(code, message) => each(&asked, "error", &json!({"code": code, "message": message})),
            Mood::OtherChain(id) => renamed(self.forward(question).await, &asked, id).await,
        })
    }

    async fn forward(&self, question: Bytes) -> Response<Body> {
        let node = self.node.lock().expect("no panic while locked").clone();
        let request = self.client.post(node).header(CONTENT_TYPE, "application/json").body(question);
        let answer = async {
            let answer = request.send().await?;
            Ok::<_, reqwest::Error>((answer.status(), answer.bytes().await?))
        };
        match answer.await {
            Ok((status, body)) => whole(status.as_u16(), body),
            Err(error) => whole(502, error.to_string()),
        }
    }

    fn endless(self: Arc<Self>) -> impl Stream<Item = Result<Bytes, Error>> {
        const CHUNK: &[u8] = &[b'0'; 1 << 16];
        let start = stream::iter([Bytes::from_static(br#"{"jsonrpc":"2.0","id":1,"result":"0x"#)]);
        start.chain(stream::repeat(Bytes::from_static(CHUNK)).take((1 << 30) / CHUNK.len())).map(move |chunk| {
            self.see(|seen| seen.endless += chunk.len());
            Ok(chunk)
        })
    }
}

fn response(status: u16, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    response.headers_mut().insert(CONTENT_TYPE, "application/json".parse().expect("a media type"));
    response
}

fn whole(status: u16, text: impl Into<Bytes>) -> Response<Body> {
    response(status, Full::new(text.into()).map_err(|never| match never {}).boxed_unsync())
}

fn streamed(chunks: impl Stream<Item = Result<Bytes, Error>> + Send + 'static) -> Body {
    StreamBody::new(chunks.map(|chunk| chunk.map(Frame::data))).boxed_unsync()
}

/// The same answer for each call.
fn each(asked: &Value, member: &str, answer: &Value) -> Response<Body> {
    let mut answers: Vec<Value> =
        calls(asked).iter().map(|call| json!({"jsonrpc": "2.0", "id": call["id"], member: answer})).collect();
    let answers = if asked.is_array() { json!(answers) } else { answers.remove(0) };
    whole(200, answers.to_string())
}

/// The first half of an answer that promised the whole.
async fn half(answer: Response<Body>) -> Response<Body> {
    let bytes = read(answer).await;
    let promised = bytes.len();
    let start = stream::iter([Ok(bytes.slice(..promised / 2))]);
    let cut = stream::once(async {
        // Time for the half to leave.
        sleep(Duration::from_millis(20)).await;
        Err(Error::from(ErrorKind::ConnectionReset))
    });
    let mut response = response(200, streamed(start.chain(cut)));
    response.headers_mut().insert(CONTENT_LENGTH, promised.into());
    response
}

/// The answer of the chain, with another id where its id was asked.
async fn renamed(answer: Response<Body>, asked: &Value, id: u64) -> Response<Body> {
    let bytes = read(answer).await;
    let Ok(mut told) = serde_json::from_slice::<Value>(&bytes) else { return whole(502, bytes) };
    let answers: Vec<&mut Value> = match &mut told {
        Value::Array(answers) => answers.iter_mut().collect(),
        answer => vec![answer],
    };
    let ids: Vec<&Value> =
        calls(asked).iter().filter(|call| call["method"] == "eth_chainId").map(|call| &call["id"]).collect();
    for answer in answers.into_iter().filter(|answer| ids.contains(&&answer["id"])) {
        answer["result"] = json!(format!("{id:#x}"));
    }
    whole(200, told.to_string())
}

async fn read(answer: Response<Body>) -> Bytes {
    answer.into_body().collect().await.expect("what is forwarded is whole").to_bytes()
}
