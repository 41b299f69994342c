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
 * A Spring Boot service that registers itself and sees others: {@code GET /port} tells its own port,
 * {@code GET /instances/NAME} what its discovery client knows of a service.
 */
@Configuration(proxyBeanMethods = false)
@EnableAutoConfiguration
public class SpringProvider {
  public static void main(String[] args) {
    EurekaServer.endWithParent();
    SpringApplication.run(SpringProvider.class, args);
  }

  @Bean
  RouterFunction<ServerResponse> routes(Environment environment, DiscoveryClient discovery) {
    return RouterFunctions.route()
        .GET("/port", request -> ServerResponse.ok().body(environment.getProperty("local.server.port")))
        .GET("/instances/{name}", request -> ServerResponse.ok()
            .body(discovery.getInstances(request.pathVariable("name")).stream()
                .map(SpringProvider::facts)
                .toList()))
        .build();
  }

  private static Map<String, Object> facts(ServiceInstance instance) {
    return Map.of(
        "id", String.valueOf(instance.getInstanceId()),
        "host", instance.getHost(),
        "port", instance.getPort(),
        "secure", instance.isSecure(),
        "metadata", instance.getMetadata());
  }
}
