import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.retry.RetryOneTime;
import org.apache.curator.x.discovery.ServiceDiscovery;
import org.apache.curator.x.discovery.ServiceDiscoveryBuilder;
import org.apache.curator.x.discovery.ServiceInstance;
import org.apache.curator.x.discovery.UriSpec;
import org.apache.curator.x.discovery.details.JsonInstanceSerializer;

/**
 * A service as Spring Cloud Zookeeper or Dubbo registers it, with Curator's service discovery and their payload class:
 * {@code CuratorProvider CONNECT BASE NAME ID PORT INSTANCE_STATUS PAYLOAD_CLASS}. On its port,
 * {@code GET /instances/NAME} tells what Curator reads of a service.
 */
public class CuratorProvider {
  public static void main(String[] args) throws Exception {
    ZookeeperServer.endWithParent();
    run(args, Class.forName(args[6]));
  }

  private static <T> void run(String[] args, Class<T> type) throws Exception {
    String base = args[1];
    int port = Integer.parseInt(args[4]);
    CuratorFramework client = CuratorFrameworkFactory.newClient(args[0], 10_000, 5_000, new RetryOneTime(200));
    client.start();
    client.blockUntilConnected();
    Map<String, String> metadata = new LinkedHashMap<>();
    metadata.put("instance_status", args[5]);
    metadata.put("written-by", "curator");
    T payload = type.getConstructor(String.class, String.class, Map.class)
        .newInstance("application-1", args[2], metadata);
    ServiceInstance<T> self = ServiceInstance.<T>builder()
        .name(args[2])
        .id(args[3])
        .address("127.0.0.1")
        .port(port)
        .payload(payload)
        .uriSpec(new UriSpec("{scheme}://{address}:{port}"))
        .build();
    ServiceDiscovery<T> discovery = ServiceDiscoveryBuilder.builder(type)
        .client(client)
        .basePath(base)
        .serializer(new JsonInstanceSerializer<>(type))
        .thisInstance(self)
        .build();
    discovery.start();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> close(discovery, client)));
    HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 0);
    server.createContext("/instances/", exchange -> answer(exchange, discovery));
    server.start();
  }

  private static <T> void answer(HttpExchange exchange, ServiceDiscovery<T> discovery) throws IOException {
    byte[] body;
    int status = 200;
    try {
      String name = exchange.getRequestURI().getPath().substring("/instances/".length());
      List<Map<String, Object>> instances = new ArrayList<>();
      for (ServiceInstance<T> one : discovery.queryForInstances(name)) {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("id", one.getId());
        facts.put("name", one.getName());
        facts.put("address", one.getAddress());
        facts.put("port", one.getPort());
        facts.put("sslPort", one.getSslPort());
        facts.put("uri", one.buildUriSpec());
        facts.put("enabled", one.isEnabled());
        facts.put("payload", one.getPayload());
        instances.add(facts);
      }
      body = new ObjectMapper().writeValueAsBytes(instances);
    } catch (Exception failure) {
      status = 500;
      body = failure.toString().getBytes("UTF-8");
    }
    exchange.sendResponseHeaders(status, body.length);
    exchange.getResponseBody().write(body);
    exchange.close();
  }

  private static void close(ServiceDiscovery<?> discovery, CuratorFramework client) {
    try {
      discovery.close();
    } catch (IOException ignored) {
      // Its session ends all the same.
    }
    client.close();
  }
}
