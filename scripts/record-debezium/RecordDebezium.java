import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.debezium.engine.ChangeEvent;
import io.debezium.engine.DebeziumEngine;
import io.debezium.engine.format.Json;
import java.io.PrintStream;
import java.io.StringReader;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;

/**
 * Runs Debezium's embedded engine once for each argument (the text of a properties file with `variant` in
 * it) and prints a line of JSON for every message: variant, topic, key and value as Debezium wrote them.
 * Ends when each engine has shown a row of a table named `done`.
 */
public class RecordDebezium {
    static final ObjectMapper mapper = new ObjectMapper();
    static final PrintStream out = System.out;

    public static void main(String[] arguments) throws Exception {
        CountDownLatch running = new CountDownLatch(arguments.length);
        List<DebeziumEngine<ChangeEvent<String, String>>> engines = new ArrayList<>();
        for (String argument : arguments) {
            Properties properties = new Properties();
            properties.load(new StringReader(argument));
            String variant = (String) properties.remove("variant");
            DebeziumEngine<ChangeEvent<String, String>> engine = DebeziumEngine.create(Json.class)
                    .using(properties)
                    .notifying(event -> record(variant, event, running))
                    .using((success, message, error) -> {
                        if (!success) {
                            System.err.println(variant + ": " + message);
                            System.exit(1);
                        }
                    })
                    .build();
            engines.add(engine);
            new Thread(engine).start();
        }
        running.await();
        for (DebeziumEngine<ChangeEvent<String, String>> engine : engines) engine.close();
        System.exit(0);
    }

    static void record(String variant, ChangeEvent<String, String> event, CountDownLatch running) {
        ObjectNode line = mapper.createObjectNode();
        line.put("variant", variant);
        line.put("topic", event.destination());
        line.put("key", event.key());
        line.put("value", event.value());
        synchronized (out) {
            out.println(line);
            out.flush();
        }
        if (event.destination().endsWith(".done") && event.value() != null) running.countDown();
    }
}
