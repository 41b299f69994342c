import com.alibaba.nacos.core.code.ControllerMethodsCache;
import com.alibaba.nacos.sys.filter.NacosTypeExcludeFilter;
import org.springframework.beans.factory.InitializingBean;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.AutoConfigurationExcludeFilter;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.context.TypeExcludeFilter;
import org.springframework.boot.web.servlet.ServletComponentScan;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.ComponentScan;
import org.springframework.context.annotation.ComponentScan.Filter;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.FilterType;
import org.springframework.scheduling.annotation.EnableScheduling;

/** A Nacos 2 server, standalone and without its console, which ends when its standard input does. */
@Configuration
@EnableAutoConfiguration
@EnableScheduling
@ServletComponentScan("com.alibaba.nacos")
@ComponentScan(
    basePackages = "com.alibaba.nacos",
    excludeFilters = {
      @Filter(type = FilterType.CUSTOM, classes = NacosTypeExcludeFilter.class),
      @Filter(type = FilterType.CUSTOM, classes = TypeExcludeFilter.class),
      @Filter(type = FilterType.CUSTOM, classes = AutoConfigurationExcludeFilter.class)
    })
public class NacosServer {
  public static void main(String[] args) {
    endWithParent();
    SpringApplication.run(NacosServer.class, args);
  }

  /** The console's work, which is not there: without it every HTTP API answers 501 "no such api". */
  @Bean
  InitializingBean apiIndex(ControllerMethodsCache cache) {
    return () -> {
      cache.initClassMethod("com.alibaba.nacos.core.controller");
      cache.initClassMethod("com.alibaba.nacos.naming.controllers");
      cache.initClassMethod("com.alibaba.nacos.config.server.controller");
      cache.initClassMethod("com.alibaba.nacos.plugin.auth.impl.controller");
    };
  }

  /** Standard input is a pipe whose other end the parent holds: at its end the parent is gone. */
  static void endWithParent() {
    Thread watch = new Thread(() -> {
      try {
        while (System.in.read() != -1) { }
      } catch (java.io.IOException gone) {
        // As good as the end.
      }
      Runtime.getRuntime().halt(1);
    });
    watch.setDaemon(true);
    watch.start();
  }
}
