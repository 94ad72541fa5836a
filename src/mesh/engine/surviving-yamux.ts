import type { StreamMuxerFactory } from "@libp2p/interface";
import { yamux } from "@libp2p/yamux";

/**
 * libp2p's yamux, opening streams in a way that the process survives. It sends a new stream's first frame in a microtask
 * of its own; where the connection beneath has closed by then, as a circuit does whose relay goes, the error is thrown
 * to nobody and ends the process (yamux 8.0.3). Here it ends the stream, of which whoever opened it is told.
 */
export function survivingYamux(init: Parameters<typeof yamux>[0] = {}): () => StreamMuxerFactory {
  const create = yamux(init);
  return () => {
    const factory = create();
    return {
      protocol: factory.protocol,
      createStreamMuxer(connection) {
        const muxer = factory.createStreamMuxer(connection);
        const openStream = muxer.onCreateStream.bind(muxer);
        muxer.onCreateStream = () => {
          const stream = openStream();
          const sendWindowUpdate = stream.sendWindowUpdate.bind(stream);
          stream.sendWindowUpdate = () => {
            try {
              sendWindowUpdate();
            } catch (error) {
              stream.abort(error instanceof Error ? error : new Error(String(error)));
            }
          };
          return stream;
        };
        return muxer;
      },
    };
  };
}
