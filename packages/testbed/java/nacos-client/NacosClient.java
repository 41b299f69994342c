import com.alibaba.nacos.api.naming.NamingFactory;
import com.alibaba.nacos.api.naming.NamingService;
import com.alibaba.nacos.api.naming.listener.NamingEvent;
import com.alibaba.nacos.api.naming.pojo.Instance;
import com.alibaba.nacos.client.auth.ram.RamClientAuthServiceImpl;
import com.alibaba.nacos.plugin.auth.api.LoginIdentityContext;
import com.alibaba.nacos.plugin.auth.api.RequestResource;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Collectors;

/**
 * The official Java client, told what to do line by line on its standard input, with words between tabs:
 * {@code register SERVICE GROUP IP PORT WEIGHT CLUSTER [KEY=VALUE…]}, {@code batch SERVICE GROUP IP PORT…},
 * {@code deregister SERVICE GROUP IP PORT CLUSTER}, {@code subscribe SERVICE GROUP}, {@code follow SERVICE GROUP KEY},
 * {@code list SERVICE GROUP}, {@code select SERVICE GROUP}, {@code sign ACCESSKEY SECRETKEY SERVICE GROUP}. Answers {@code ok}, {@code ok ANSWER} or {@code error
 * MESSAGE} to each; what a subscription hears comes as {@code event SERVICE INSTANCES}, what a follower hears as
 * {@code news SERVICE CHANGES}: IP:PORT=VALUE of the metadata's key, IP:PORT alone when it is gone, with commas between.
 */
public class NacosClient {
  private static NamingService naming;

  public static void main(String[] args) throws Exception {
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
    // The first line holds the properties, so that no list of processes shows a password.
    Properties properties = new Properties();
    for (String pair : lines.readLine().split("\t")) {
      int at = pair.indexOf('=');
      properties.put(pair.substring(0, at), pair.substring(at + 1));
    }
    if (properties.containsKey("serverAddr")) {
      naming = NamingFactory.createNamingService(properties);
    }
    say("ready");
    for (String line; (line = lines.readLine()) != null; ) {
      try {
        String answer = run(line.split("\t", -1));
        say(answer.isEmpty() ? "ok" : "ok\t" + answer);
      } catch (Throwable thrown) {
        say("error\t" + String.valueOf(thrown.getMessage()).replaceAll("\\s+", " "));
      }
    }
    // At the end of its input the parent is gone, or done with it.
    Runtime.getRuntime().halt(0);
  }

  private static String run(String[] words) throws Exception {
    switch (words[0]) {
      case "register":
        naming.registerInstance(words[1], words[2], instance(words));
        return "";
      case "batch": {
        List<Instance> all = new ArrayList<>();
        for (int i = 4; i < words.length; i++) {
          Instance one = new Instance();
          one.setIp(words[3]);
          one.setPort(Integer.parseInt(words[i]));
          all.add(one);
        }
        naming.batchRegisterInstance(words[1], words[2], all);
        return "";
      }
      case "deregister":
        naming.deregisterInstance(words[1], words[2], words[3], Integer.parseInt(words[4]), words[5]);
        return "";
      case "subscribe":
        naming.subscribe(words[1], words[2], event -> {
          NamingEvent news = (NamingEvent) event;
          say("event\t" + words[1] + "\t" + text(news.getInstances()));
        });
        return "";
      case "follow": {
        Map<String, String> known = new HashMap<>();
        naming.subscribe(words[1], words[2], event -> {
          say("news\t" + words[1] + "\t" + changes(known, ((NamingEvent) event).getInstances(), words[3]));
        });
        return "";
      }
      case "list":
        return text(naming.getAllInstances(words[1], words[2], false));
      case "select":
        return text(naming.selectInstances(words[1], words[2], true, false));
      case "sign":
        return sign(words[1], words[2], words[3], words[4]);
      default:
        throw new IllegalArgumentException("unknown command " + words[0]);
    }
  }

  /** What is other than {@code known}, which becomes what is there. */
  private static synchronized String changes(Map<String, String> known, List<Instance> instances, String key) {
    List<String> changed = new ArrayList<>();
    Map<String, String> now = new HashMap<>();
    for (Instance one : instances) {
      String address = one.getIp() + ":" + one.getPort();
      String value = String.valueOf(one.getMetadata().get(key));
      now.put(address, value);
      if (!value.equals(known.get(address))) changed.add(address + "=" + value);
    }
    for (String address : known.keySet()) {
      if (!now.containsKey(address)) changed.add(address);
    }
    known.clear();
    known.putAll(now);
    return String.join(",", changed);
  }

  /** What the client would send with a request about a service. */
  private static String sign(String accessKey, String secretKey, String service, String group) {
    Properties keys = new Properties();
    keys.put("accessKey", accessKey);
    keys.put("secretKey", secretKey);
    RamClientAuthServiceImpl auth = new RamClientAuthServiceImpl();
    auth.login(keys);
    RequestResource resource =
        RequestResource.namingBuilder().setNamespace("public").setGroup(group).setResource(service).build();
    LoginIdentityContext identity = auth.getLoginIdentityContext(resource);
    return identity.getAllKey().stream()
        .sorted()
        .map(key -> key + "=" + identity.getParameter(key))
        .collect(Collectors.joining(","));
  }

  private static Instance instance(String[] words) {
    Instance instance = new Instance();
    instance.setIp(words[3]);
    instance.setPort(Integer.parseInt(words[4]));
    instance.setWeight(Double.parseDouble(words[5]));
    instance.setClusterName(words[6]);
    Map<String, String> metadata = new HashMap<>();
    for (int i = 7; i < words.length; i++) {
      int at = words[i].indexOf('=');
      metadata.put(words[i].substring(0, at), words[i].substring(at + 1));
    }
    instance.setMetadata(metadata);
    return instance;
  }

  private static String text(List<Instance> instances) {
    return instances.stream()
        .map(one -> one.getIp() + ":" + one.getPort() + " " + one.getWeight() + " " + one.isHealthy())
        .sorted()
        .collect(Collectors.joining(","));
  }

  private static synchronized void say(String line) {
    System.out.println(line);
    System.out.flush();
  }
}
