import io.growing.sdk.java.GrowingAPI;
import io.growing.sdk.java.dto.GioCdpEventMessage;
import io.growing.sdk.java.dto.GioCdpItemMessage;
import io.growing.sdk.java.dto.GioCdpUserMappingMessage;
import io.growing.sdk.java.dto.GioCdpUserMessage;
import java.io.PrintStream;
import java.util.Arrays;
import java.util.Properties;

/**
 * The vendor's own Java SDK into the collector. Arguments: the collector's URL, and a file that gets one JSON object a
 * line for each record that the collector must hold afterwards.
 */
public class GrowingioSdkClient {
    static final int EVENTS = 150;
    static final long TIME = 1710325284000L;

    public static void main(String[] arguments) throws Exception {
        Properties properties = new Properties();
        properties.setProperty("api.host", arguments[0]);
        properties.setProperty("logger.level", "error");
        properties.setProperty("msg.store.queue.size", "1000");
        GrowingAPI.initConfig(properties);
        GrowingAPI api = new GrowingAPI.Builder().setProjectKey("vendor-project").setDataSourceId("vendor-source").build();
        try (PrintStream out = new PrintStream(arguments[1], "UTF-8")) {
            for (int n = 0; n < EVENTS; n++) {
                api.send(new GioCdpEventMessage.Builder()
                    .eventKey("java_event").eventTime(TIME + n).loginUserKey("email").loginUserId("u" + n)
                    .anonymousId("d" + n).addEventVariable("n", n).addEventVariable("price", n + 0.5)
                    .addEventVariable("title", "壶 «" + n + "» 😀 \"q\"").addEventVariable("tags", Arrays.asList("new", "old"))
                    .domain("example.test").build());
                out.printf("{\"case\":\"java protobuf\",\"kind\":\"track\",\"name\":\"java_event\",\"user\":\"u%1$d\",\"anonymous\":\"d%1$d\","
                    + "\"time\":%2$d,\"attributes\":{\"n\":\"%1$d\",\"price\":\"%1$d.5\",\"title\":\"壶 «%1$d» 😀 \\\"q\\\"\","
                    + "\"tags\":\"new||old\"}}%n", n, TIME + n);
                api.send(new GioCdpUserMessage.Builder()
                    .loginUserId("u" + n).time(TIME).addUserVariable("case", "java_user").addUserVariable("level", n).build());
                out.printf("{\"case\":\"java protobuf\",\"kind\":\"user\",\"user\":\"u%1$d\",\"time\":%2$d,"
                    + "\"attributes\":{\"case\":\"java_user\",\"level\":\"%1$d\"}}%n", n, TIME);
            }
            api.send(new GioCdpItemMessage.Builder().key("product").id("1001").addItemVariable("case", "java_item").build());
            out.printf("{\"case\":\"java protobuf\",\"kind\":\"item\",\"attributes\":{\"case\":\"java_item\"}}%n");
            api.send(new GioCdpUserMappingMessage.Builder().addIdentities("email", "a@b.example").addIdentities("phone", "1").build());
            out.printf("{\"case\":\"java protobuf\",\"kind\":\"mapping\"}%n");
        }
        GrowingAPI.shutdown();
    }
}
