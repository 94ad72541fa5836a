import type { StreamMuxerFactory } from "@libp2p/interface";
import { yamux } from "@libp2p/yamux";
import { StreamState, type YamuxStream } from "@libp2p/yamux/stream";

/** Names that the declarations hide. */
interface ReceiveWindow {
  /** Bytes that the other side may send at most before it hears of more. */
  recvWindow: number;
  /** What it has left of them. */
  recvWindowCapacity: number;
}

/** The stream's first frame opens or confirms it: it says something, whatever the window. */
const SPEAKING: readonly StreamState[] = [StreamState.Init, StreamState.SYNReceived];

/**
 * libp2p's yamux 8.0.3 with two faults mended.
 *
 * A stream that is opened does not end the process. Its first frame is sent in a microtask of its own; where the connection
 * beneath has closed by then, as a circuit does whose relay goes, the error is thrown to nobody. Here it ends the stream, of
 * which whoever opened it is told.
 *
 * The window is told of when half of it is used, as in HashiCorp's implementation
 * (https://github.com/hashicorp/yamux/blob/master/stream.go, sendWindowUpdate), and not after each frame. Over a circuit each
 * such frame is a frame of the stream beneath and draws others after it: more than half of the packets at a relay were these.
 */
export function mendedYamux(init: Parameters<typeof yamux>[0] = {}): () => StreamMuxerFactory {
  const create = yamux(init);
  return () => {
    const factory = create();
    return {
      protocol: factory.protocol,
      createStreamMuxer(connection) {
        const muxer = factory.createStreamMuxer(connection);
        const openStream = muxer.onCreateStream.bind(muxer);
        muxer.onCreateStream = () => mendedStream(openStream());
        const takeStream = muxer.onRemoteStream.bind(muxer);
        muxer.onRemoteStream = (stream) => takeStream(mendedStream(stream));
        return muxer;
      },
    };
  };
}

function mendedStream(stream: YamuxStream): YamuxStream {
  const sendWindowUpdate = stream.sendWindowUpdate.bind(stream);
  stream.sendWindowUpdate = () => {
    // Private in TypeScript alone.
    const { recvWindow, recvWindowCapacity } = stream as unknown as ReceiveWindow;
    if (!SPEAKING.includes(stream.state) && recvWindowCapacity > recvWindow / 2) return;
    try {
      sendWindowUpdate();
    } catch (error) {
      stream.abort(error instanceof Error ? error : new Error(String(error)));
    }
  };
  return stream;
}
