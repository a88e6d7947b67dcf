package script

import (
	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

func (w *world) applicationStats(*engine.Call) (engine.Value, error) {
	s, ok := ask(w, w.instance().Stats)
	if !ok {
		return engine.Null, nil
	}
	return w.values.In(amf.NewObject(s.pairs()...))
}

func (s Stats) pairs() []any {
	return []any{
		"bytes_in", float64(s.BytesIn), "bytes_out", float64(s.BytesOut),
		"msg_in", float64(s.MessagesIn), "msg_out", float64(s.MessagesOut), "msg_dropped", float64(s.MessagesDropped),
		"total_connects", float64(s.Connects), "total_disconnects", float64(s.Disconnects),
		"bw_in", s.BandwidthIn, "bw_out", s.BandwidthOut,
	}
}

func (w *world) clientStats(c *engine.Call) (engine.Value, error) {
	cl := c.Self.(*client)
	type answer struct {
		ClientStats
		ok bool
	}
	s, in := ask(w, func(f func(answer)) {
		w.instance().ClientStats(cl.info.ID, func(s ClientStats, ok bool) { f(answer{s, ok}) })
	})
	if !in || !s.ok {
		return engine.Null, nil
	}
	return w.values.In(amf.NewObject(append(s.pairs(),
		"ping_rtt", s.RoundTrip, "audio_queue_msgs", float64(s.QueuedAudio), "video_queue_msgs", float64(s.QueuedVideo),
		"so_queue_msgs", float64(s.QueuedObjects), "data_queue_msgs", float64(s.QueuedData),
		"dropped_audio_msgs", float64(s.DroppedAudio), "dropped_video_msgs", float64(s.DroppedVideo),
		"dropped_audio_bytes", float64(s.DroppedAudioBytes), "dropped_video_bytes", float64(s.DroppedVideoBytes),
		"client_id", cl.info.ID)...))
}

func (w *world) pingClient(c *engine.Call) (engine.Value, error) {
	cl := c.Self.(*client)
	if cl.state != accepted {
		return engine.Bool(false), nil
	}
	w.instance().Ping(cl.info.ID)
	return engine.Bool(true), nil
}

func (w *world) checkBandwidth(c *engine.Call) (engine.Value, error) {
	if cl := c.Self.(*client); cl.state == accepted {
		w.instance().CheckBandwidth(cl.info.ID)
	}
	return engine.Undefined, nil
}

// getBandwidthLimit(0) is of what the client sends, (1) of what it gets, in bytes a
// second.
func (w *world) getBandwidthLimit(c *engine.Call) (engine.Value, error) {
	n, err := c.Runtime.ToNumber(c.Arg(0))
	limits := c.Self.(*client).bandwidth
	if n == 0 {
		return engine.Number(limits.toServer), err
	}
	return engine.Number(limits.toClient), err
}

// setBandwidthLimit(to the client, to the server) bounds both, in bytes a second; 0
// leaves one as it is.
func (w *world) setBandwidthLimit(c *engine.Call) (engine.Value, error) {
	cl := c.Self.(*client)
	for i, limit := range []*float64{&cl.bandwidth.toClient, &cl.bandwidth.toServer} {
		n, err := c.Runtime.ToNumber(c.Arg(i))
		if err != nil {
			return engine.Undefined, err
		}
		if n > 0 {
			*limit = n
		}
	}
	if cl.state == accepted || cl.state == pending {
		w.instance().SetBandwidth(cl.info.ID, cl.bandwidth.toClient, cl.bandwidth.toServer)
	}
	return engine.Undefined, nil
}

// getStreamLength is Stream.length's, where there is a class Stream that says it.
func (w *world) getStreamLength(c *engine.Call) (engine.Value, error) {
	name, err := c.Runtime.ToString(c.Arg(0))
	if err != nil {
		return engine.Undefined, err
	}
	s, _ := ask(w, func(f func(float64)) { w.instance().Length(name, f) })
	return engine.Number(s), nil
}
