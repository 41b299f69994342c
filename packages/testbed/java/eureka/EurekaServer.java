import java.io.IOException;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.cloud.netflix.eureka.server.EnableEurekaServer;
import org.springframework.context.annotation.Configuration;

/** A Eureka server as every Spring Cloud user writes it. */
@Configuration(proxyBeanMethods = false)
@EnableAutoConfiguration
@EnableEurekaServer
public class EurekaServer {
  public static void main(String[] args) {
    endWithParent();
    SpringApplication.run(EurekaServer.class, args);
  }

  /** Standard input is a pipe whose other end the parent holds: at its end the parent is gone. */
  static void endWithParent() {
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
