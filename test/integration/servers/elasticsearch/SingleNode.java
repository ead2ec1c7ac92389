import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginsLoader;

/** SingleNode HOME DATA PORT: a single Elasticsearch node with HTTP, without the bootstrap that refuses root. */
public class SingleNode {
    public static void main(String[] args) throws Exception {
        LogConfigurator.configureESLogging();
        Path home = Path.of(args[0]);
        Settings settings = Settings.builder()
            .put("path.home", home).put("path.data", args[1]).put("path.logs", args[1])
            .put("cluster.name", "tailrace").put("node.name", "n1").put("discovery.type", "single-node")
            .put("http.host", "127.0.0.1").put("http.port", args[2])
            .put("transport.host", "127.0.0.1").put("transport.port", "0")
            .put("cluster.routing.allocation.disk.threshold_enabled", false)
            .build();
        var env = InternalSettingsPreparer.prepareEnvironment(settings, Map.of(), home.resolve("config"), () -> "n1");
        var modules = PluginsLoader.loadModulesBundles(env.modulesDir(), false);
        Node node = new Node(env, PluginsLoader.createPluginsLoader(modules, Set.of(), Map.of()));
        node.start();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try { node.close(); } catch (Exception e) { e.printStackTrace(); }
        }));
        Thread.currentThread().join();
    }
}
