import java.io.IOException;
import org.apache.zookeeper.server.quorum.QuorumPeerMain;

/** ZooKeeper as its own start script runs it, alone or as a member of an ensemble. */
public class ZookeeperServer {
  public static void main(String[] args) {
    endWithParent();
    QuorumPeerMain.main(args);
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
