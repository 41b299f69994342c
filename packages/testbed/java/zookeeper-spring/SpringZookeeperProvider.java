import java.io.IOException;
import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.cloud.client.ServiceInstance;
import org.springframework.cloud.client.discovery.DiscoveryClient;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;
import org.springframework.web.servlet.function.RouterFunction;
import org.springframework.web.servlet.function.RouterFunctions;
import org.springframework.web.servlet.function.ServerResponse;

/**
 * A Spring Boot service that registers itself in ZooKeeper and sees others: {@code GET /port} tells its own port,
 * {@code GET /instances/NAME} what its discovery client knows of a service.
 */
@Configuration(proxyBeanMethods = false)
@EnableAutoConfiguration
public class SpringZookeeperProvider {
  public static void main(String[] args) {
    endWithParent();
    SpringApplication.run(SpringZookeeperProvider.class, args);
  }

  @Bean
  RouterFunction<ServerResponse> routes(Environment environment, DiscoveryClient discovery) {
    return RouterFunctions.route()
        .GET("/port", request -> ServerResponse.ok().body(environment.getProperty("local.server.port")))
        .GET("/instances/{name}", request -> ServerResponse.ok()
            .body(discovery.getInstances(request.pathVariable("name")).stream()
                .map(SpringZookeeperProvider::facts)
                .toList()))
        .build();
  }

  private static Map<String, Object> facts(ServiceInstance instance) {
    return Map.of(
        "id", String.valueOf(instance.getInstanceId()),
        "host", instance.getHost(),
        "port", instance.getPort(),
        "secure", instance.isSecure(),
        "uri", instance.getUri().toString(),
        "metadata", instance.getMetadata());
  }

  /** Standard input is a pipe whose other end the parent holds: at its end the parent is gone. */
  private static void endWithParent() {
    Thread watch = new Thread(() -> {
      try {
        while (System.in.read() != -1) { }
      } catch (IOException gone) {
        // As good as the end.
      }
      Runtime.getRuntime().halt(1);
    });
    watch.setDaemon(true);
    watch.start();
  }
}
