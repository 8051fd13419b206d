import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Iterator;
import java.util.List;
import org.apache.inlong.common.msg.InLongMsg;

/**
 * Reads frames of type 7, base64 a line, as a consumer behind the message queue does: each is first brought into the form
 * in which a DataProxy stores it, then read with the vendor's reader. A line of JSON leaves for each.
 */
public class InLongReader {

    private static final int EXT_AT = 9;
    private static final int COUNT_AT = 15;
    private static final int BODY_LENGTH_AT = 21;
    private static final int BODY_AT = 25;
    private static final int TRACE = 0x2;
    private static final int VERSION = 4;

    public static void main(String[] arguments) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            System.out.println(read(store(Base64.getDecoder().decode(line))));
        }
    }

    /** What a DataProxy makes of a frame: when it came is noted in front of the attributes, and it is put in an envelope. */
    private static byte[] store(byte[] bytes) {
        ByteBuffer frame = ByteBuffer.wrap(bytes);
        int attributesAt = BODY_AT + frame.getInt(BODY_LENGTH_AT) + 2;
        int length = frame.getShort(attributesAt - 2);
        String attributes = new String(bytes, attributesAt, length, StandardCharsets.UTF_8);
        List<String> noted = new ArrayList<>();
        if (!("&" + attributes).contains("&rtms=")) {
            noted.add("rtms=" + System.currentTimeMillis());
        }
        if ((frame.getShort(EXT_AT) & TRACE) != 0) {
            noted.add("node2ip=46801&rtime2=" + System.currentTimeMillis());
        }
        noted.add(attributes);
        byte[] all = String.join("&", noted).getBytes(StandardCharsets.UTF_8);
        ByteBuffer stored = ByteBuffer.allocate(bytes.length - length + all.length);
        stored.put(bytes, 0, attributesAt - 2).putShort((short) all.length).put(all);
        stored.put(bytes, attributesAt + length, 2);
        stored.putInt(0, stored.capacity() - 4);
        stored.putShort(COUNT_AT, (short) Math.max(1, frame.getShort(COUNT_AT) & 0xffff));
        InLongMsg envelope = InLongMsg.newInLongMsg(true, VERSION);
        if (!envelope.addMsg(stored.array())) {
            throw new IllegalArgumentException("the vendor's code takes it for no frame of type 7");
        }
        return envelope.buildArray();
    }

    private static String read(byte[] stored) {
        InLongMsg message = InLongMsg.parseFrom(stored);
        List<String> records = new ArrayList<>();
        for (String attributes : message.getAttrs()) {
            for (Iterator<byte[]> data = message.getIterator(attributes); data.hasNext();) {
                String base64 = Base64.getEncoder().encodeToString(data.next());
                records.add("{\"attributes\":\"" + attributes + "\",\"base64\":\"" + base64 + "\"}");
            }
        }
        return "{\"version\":" + message.getVersion() + ",\"count\":" + (message.getMsgCnt() & 0xffff)
                + ",\"records\":[" + String.join(",", records) + "]}";
    }
}
