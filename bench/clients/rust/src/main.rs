//! Writers by redis-rs and fred. One process is one row: CLIENT, FORM and SETTINGS say which.
use std::env;
use std::error::Error;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fred::prelude::*;
use fred::types::config::{ClusterDiscoveryPolicy, UnresponsiveConfig};
use redis::aio::{
    ConnectionLike, ConnectionManager, ConnectionManagerConfig, MultiplexedConnection,
};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo,
};

type Fault = Box<dyn Error + Send + Sync>;

fn told(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

fn hosts() -> Vec<(String, u16)> {
    told("HOSTS")
        .split(',')
        .map(|one| one.rsplit_once(':').expect("host:port"))
        .map(|(host, port)| (host.to_string(), port.parse().expect("a port")))
        .collect()
}

fn user() -> Option<String> {
    Some(told("USERNAME")).filter(|name| !name.is_empty())
}

// --- redis-rs ---

fn info() -> ConnectionInfo {
    let (host, port) = hosts().remove(0);
    let mut login = RedisConnectionInfo::default().set_password(told("PASSWORD"));
    if let Some(name) = user() {
        login = login.set_username(name);
    }
    let address = ConnectionAddr::Tcp(host, port);
    address
        .into_connection_info()
        .expect("an address")
        .set_redis_settings(login)
}

fn sentinel() -> Result<SentinelClient, Fault> {
    // settings: redis-rs sentinel defaults
    // settings: redis-rs sentinel recommended
    let sentinels = hosts()
        .into_iter()
        .map(|(host, port)| ConnectionAddr::Tcp(host, port));
    let client =
        SentinelClientBuilder::new(sentinels, told("MASTER_NAME"), SentinelServerType::Master)?
            .set_client_to_redis_username(told("USERNAME"))
            .set_client_to_redis_password(told("PASSWORD"))
            .set_client_to_sentinel_username(told("SENTINEL_USERNAME"))
            .set_client_to_sentinel_password(told("SENTINEL_PASSWORD"))
            .build()?;
    // end
    Ok(client)
}

async fn sentinel_defaults() -> Result<MultiplexedConnection, Fault> {
    // settings: redis-rs sentinel defaults
    let connection = sentinel()?.get_async_connection().await?;
    // end
    Ok(connection)
}

async fn primary_defaults() -> Result<MultiplexedConnection, Fault> {
    // settings: redis-rs primary defaults
    let connection = redis::Client::open(info())?
        .get_multiplexed_async_connection()
        .await?;
    // end
    Ok(connection)
}

async fn primary_recommended() -> Result<ConnectionManager, Fault> {
    // settings: redis-rs primary recommended
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(Duration::from_secs(1)))
        .set_response_timeout(Some(Duration::from_secs(1)))
        .set_min_delay(Duration::from_millis(50))
        .set_max_delay(Duration::from_millis(500))
        .set_number_of_retries(30);
    let connection =
        ConnectionManager::new_with_config(redis::Client::open(info())?, config).await?;
    // end
    Ok(connection)
}

async fn cluster_defaults() -> Result<ClusterConnection, Fault> {
    // settings: redis-rs cluster defaults
    let connection = ClusterClientBuilder::new([info()])
        .build()?
        .get_async_connection()
        .await?;
    // end
    Ok(connection)
}

async fn cluster_recommended() -> Result<ClusterConnection, Fault> {
    // settings: redis-rs cluster recommended
    let connection = ClusterClientBuilder::new([info()])
        .connection_timeout(Duration::from_secs(1))
        .response_timeout(Duration::from_secs(1))
        .overall_response_timeout(Some(Duration::from_secs(20)))
        .retries(40)
        .min_retry_wait(50)
        .max_retry_wait(500)
        .build()?
        .get_async_connection()
        .await?;
    // end
    Ok(connection)
}

async fn set(connection: &mut impl ConnectionLike, key: &str, value: u64) -> Result<(), Fault> {
    Ok(redis::cmd("SET")
        .arg(key)
        .arg(value)
        .query_async(connection)
        .await?)
}

// settings: redis-rs sentinel recommended
// One client for ever, a connection for as long as it works: after an error the Sentinels are asked again.
async fn set_by_sentinel(
    client: &mut SentinelClient,
    connection: &mut Option<MultiplexedConnection>,
    key: &str,
    value: u64,
) -> Result<(), Fault> {
    let waits = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(Duration::from_secs(1)))
        .set_response_timeout(Some(Duration::from_secs(1)));
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let tried = async {
            if connection.is_none() {
                *connection = Some(client.get_async_connection_with_config(&waits).await?);
            }
            set(connection.as_mut().expect("just made"), key, value).await
        };
        match tokio::time::timeout(Duration::from_secs(2), tried).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) if Instant::now() > deadline => return Err(error),
            Err(slow) if Instant::now() > deadline => return Err(slow.into()),
            _ => *connection = None,
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
// end

// settings: redis-rs primary recommended
// The manager dials anew; the command that met the error is not sent again.
async fn set_again(connection: &mut ConnectionManager, key: &str, value: u64) -> Result<(), Fault> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match set(connection, key, value).await {
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
            done => return done,
        }
    }
}
// end

// --- fred ---

async fn fred_client() -> Result<Client, Fault> {
    let servers: Vec<Server> = hosts()
        .into_iter()
        .map(|(host, port)| Server::new(host, port))
        .collect();
    let server = match told("FORM").as_str() {
        // settings: fred sentinel defaults
        // settings: fred sentinel recommended
        "sentinel" => ServerConfig::Sentinel {
            hosts: servers,
            service_name: told("MASTER_NAME"),
            username: Some(told("SENTINEL_USERNAME")),
            password: Some(told("SENTINEL_PASSWORD")),
        },
        // end
        // settings: fred cluster defaults
        // settings: fred cluster recommended
        "cluster" => ServerConfig::Clustered {
            hosts: servers,
            policy: ClusterDiscoveryPolicy::default(),
        },
        // end
        // settings: fred primary defaults
        // settings: fred primary recommended
        _ => ServerConfig::Centralized {
            server: servers[0].clone(),
        },
        // end
    };
    // settings: fred sentinel defaults
    // settings: fred primary defaults
    // settings: fred cluster defaults
    // settings: fred sentinel recommended
    // settings: fred primary recommended
    // settings: fred cluster recommended
    let config = Config {
        server,
        username: user(),
        password: Some(told("PASSWORD")),
        ..Config::default()
    };
    let mut builder = Builder::from_config(config);
    // end
    if told("SETTINGS") == "recommended" {
        // settings: fred sentinel recommended
        // settings: fred primary recommended
        // settings: fred cluster recommended
        builder
            .with_connection_config(|connection| {
                connection.connection_timeout = Duration::from_secs(1);
                connection.internal_command_timeout = Duration::from_secs(1);
                connection.max_command_attempts = 40;
                connection.unresponsive = UnresponsiveConfig {
                    max_timeout: Some(Duration::from_secs(2)), // off by default: a node that stands still
                    interval: Duration::from_millis(500),
                };
            })
            .with_performance_config(|performance| {
                performance.default_command_timeout = Duration::from_secs(20)
            })
            .set_policy(ReconnectPolicy::new_exponential(0, 50, 500, 2)); // for ever
                                                                          // end
    }
    let client = builder.build()?;
    client.init().await?;
    Ok(client)
}

// --- one writer ---

enum Writer {
    Plain(MultiplexedConnection),
    Managed(ConnectionManager),
    Cluster(Box<ClusterConnection>),
    Asking(SentinelClient, Option<MultiplexedConnection>),
    Fred(Client),
}

async fn make(row: &str) -> Result<Writer, Fault> {
    Ok(match row {
        "redis-rs sentinel defaults" => Writer::Plain(sentinel_defaults().await?),
        "redis-rs sentinel recommended" => Writer::Asking(sentinel()?, None),
        "redis-rs primary defaults" => Writer::Plain(primary_defaults().await?),
        "redis-rs primary recommended" => Writer::Managed(primary_recommended().await?),
        "redis-rs cluster defaults" => Writer::Cluster(Box::new(cluster_defaults().await?)),
        "redis-rs cluster recommended" => Writer::Cluster(Box::new(cluster_recommended().await?)),
        _ => Writer::Fred(fred_client().await?),
    })
}

async fn write(writer: &mut Writer, key: &str, value: u64) -> Result<(), Fault> {
    match writer {
        Writer::Plain(connection) => set(connection, key, value).await,
        Writer::Managed(connection) => set_again(connection, key, value).await,
        Writer::Cluster(connection) => set(connection.as_mut(), key, value).await,
        Writer::Asking(client, connection) => set_by_sentinel(client, connection, key, value).await,
        Writer::Fred(client) => Ok(client
            .set::<(), _, _>(key, value as i64, None, None, false)
            .await?),
    }
}

fn now() -> u128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_micros()
}

#[tokio::main]
async fn main() {
    let row = format!("{} {} {}", told("CLIENT"), told("FORM"), told("SETTINGS"));
    let until = told("UNTIL").parse::<f64>().expect("UNTIL") * 1e6;
    let mut writer = None;
    let mut number = 0;
    while (now() as f64) < until {
        number += 1;
        let start = now();
        let key = format!("{}{number}", told("PREFIX"));
        let done = match &mut writer {
            None => match make(&row).await {
                Ok(made) => write(writer.insert(made), &key, number).await,
                Err(error) => Err(error),
            },
            Some(made) => write(made, &key, number).await,
        };
        let seen = match done {
            Ok(()) => "ok".to_string(),
            Err(error) => format!(
                "error {}: {}",
                told("CLIENT"),
                error.to_string().replace(['\n', '\r'], " ")
            ),
        };
        println!("{start} {} {number} {seen}", now());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
