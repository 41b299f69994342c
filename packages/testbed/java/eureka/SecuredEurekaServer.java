import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.cloud.netflix.eureka.server.EnableEurekaServer;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.security.config.Customizer;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.web.SecurityFilterChain;

/**
 * The same behind HTTP Basic, user and password by {@code spring.security.user.*}. A class of its own, because the
 * open server runs without Spring Security, whose firewall answers unusual URLs before Eureka sees them.
 */
@Configuration(proxyBeanMethods = false)
@EnableAutoConfiguration
@EnableEurekaServer
public class SecuredEurekaServer {
  public static void main(String[] args) {
    EurekaServer.endWithParent();
    SpringApplication.run(SecuredEurekaServer.class, args);
  }

  @Bean
  SecurityFilterChain chain(HttpSecurity http) throws Exception {
    return http
        .csrf(csrf -> csrf.disable())
        .authorizeHttpRequests(requests -> requests.anyRequest().authenticated())
        .httpBasic(Customizer.withDefaults())
        .build();
  }
}
