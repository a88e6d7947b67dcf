package session_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/api/v1alpha1/apppath"
	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
)

// street is a house with a recorded stream, clip, and one client that is
// well-behaved, for strangers to disturb.
type street struct {
	*house
	witness *rtmp.NetConnection
}

func newStreet(t testing.TB, w way) *street {
	t.Helper()
	return newStreetWith(t, w, "")
}

// newStreetWith is a street whose instance has a script.
func newStreetWith(t testing.TB, w way, source string) *street {
	t.Helper()
	h, _ := run(t, w, open.named("app", apppath.DefaultInstance).running(source))
	s := &street{house: h}
	s.record(t)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var err error
	if s.witness, err = rtmp.Connect(ctx, "rtmp://"+h.RTMPAddr().String()+"/app", rtmp.Config{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.witness.Close)
	if _, err := s.witness.CreateStream(ctx); err != nil {
		t.Fatal(err)
	}
	return s
}

// record makes the recorded stream: two seconds of keyframes and sound.
func (h *street) record(t testing.TB) {
	t.Helper()
	p := h.publish(t, "clip")
	for ms := media.Timestamp(0); ms < 2000; ms += 100 {
		for _, m := range []rtmp.Message{
			{Type: rtmp.TypeVideo, Timestamp: ms, Payload: []byte{0x17, 1, 0, 0, 0, 9, 9, 9}},
			{Type: rtmp.TypeAudio, Timestamp: ms, Payload: []byte{0xaf, 1, 7, 7}},
		} {
			if err := p.Write(&m); err != nil {
				t.Fatal(err)
			}
		}
	}
	h.unpublish(t, p)
}

// receive lets a stranger in, who says what it has to say, hangs up, and reads
// to the end. Its session must end too and leave nothing behind, and the
// witness must be served as before.
func (h *street) receive(t testing.TB, words []*rtmp.Message) {
	t.Helper()
	goroutines := runtime.NumGoroutine()
	far, _, served := h.visit(t, session.Config{})
	if err := far.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if err := rtmp.NewClientConn(far, rtmp.Config{}).Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := far.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	const chunk = 4096
	b := rtmp.AppendChunks(nil, rtmp.SetChunkSize(chunk), 128)
	for _, m := range words {
		b = rtmp.AppendChunks(b, m, chunk)
	}
	heard := make(chan struct{})
	go func() { defer close(heard); _, _ = io.Copy(io.Discard, far) }()
	// A session may end before it has heard all of it.
	if _, err := far.Write(b); err == nil {
		_ = far.CloseWrite()
	}
	select {
	case <-served:
	case <-time.After(patience):
		t.Fatalf("the session does not end\n%s", servertest.Stacks())
	}
	<-heard
	h.undisturbed(t, goroutines)
}

// undisturbed looks for what a stranger left behind.
func (h *street) undisturbed(t testing.TB, goroutines int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := h.witness.CreateStream(ctx)
	if err != nil {
		t.Fatalf("createStream of another connection: %v\n%s", err, servertest.Stacks())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// The rest ends by itself, and says so to nobody.
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		s := h.Stats()[0]
		if s.Connections == 1 && s.Streams == 0 && s.Players == 0 && s.Recordings == 0 && runtime.NumGoroutine() <= goroutines {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the session is over, and left %+v, %d goroutines for %d\n%s", s, runtime.NumGoroutine(), goroutines, servertest.Stacks())
		}
	}
}

// say makes a command message of a stranger. Values that have no AMF form are
// mistakes of the test.
func say(id uint32, name string, object amf.Value, args ...amf.Value) *rtmp.Message {
	m, err := rtmp.NewCommand(id, name, 1, object, args...)
	if err != nil {
		panic(err)
	}
	return m
}

func mediaMessage(kind rtmp.MessageType, id uint32, payload string) *rtmp.Message {
	return &rtmp.Message{Type: kind, StreamID: id, Timestamp: 40, Payload: []byte(payload)}
}

func hello(pairs ...any) *rtmp.Message {
	return say(0, "connect", amf.NewObject(append([]any{"app", "app", "tcUrl", "rtmp://h/app"}, pairs...)...))
}

// doubling is AMF0 of an object with one property: a list of lists, each of
// which holds the one before it twice, by reference. Printing it, or walking
// it in any way, takes for ever; decoding it does not.
func doubling(property string) []byte {
	const levels = 60
	b := append([]byte{3, 0, 3}, "app\x02\x00\x03app"...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(property)))
	b = append(b, property...)
	b = append(b, 0x0a, 0, 0, 0, levels, 0x0a, 0, 0, 0, 2, 5, 5)
	for i := range byte(levels - 1) {
		b = append(b, 0x0a, 0, 0, 0, 2, 7, 0, 2+i, 7, 0, 2+i)
	}
	return append(b, 0, 0, 9)
}

// stranger is what somebody says after the handshake.
type stranger struct {
	name  string
	words []*rtmp.Message
}

// strangers say everything that there is to say, and much that there is not.
// The test sends them as they are, the fuzzer begins with them.
func strangers() (list []stranger) {
	create := say(0, "createStream", nil)
	add := func(name string, words ...*rtmp.Message) {
		list = append(list, stranger{name, append([]*rtmp.Message{hello(), create, create}, words...)})
	}
	add("publishes", say(1, "publish", nil, "cam", "live"), mediaMessage(rtmp.TypeData, 1, "\x02\x00\x0d@setDataFrame\x02\x00\x0aonMetaData\x03\x00\x01a\x05\x00\x00\x09"),
		mediaMessage(rtmp.TypeVideo, 1, "\x17\x01\x00\x00\x00abc"), mediaMessage(rtmp.TypeAudio, 1, "\xaf\x01ab"), say(1, "publish", nil, false))
	add("publishes and plays it", say(1, "publish", nil, "cam", "live"), say(2, "play", nil, "cam", -1000.0),
		mediaMessage(rtmp.TypeVideo, 1, "\x17\x01\x00\x00\x00abc"), mediaMessage(rtmp.TypeVideo, 1, ""), mediaMessage(rtmp.TypeAggregate, 1, "\x09\x00\x00\x01\x00\x00\x05\x00\x00\x00\x00\x17\x00\x00\x00\x0c"))
	add("records", say(1, "publish", nil, "rec", "record"), mediaMessage(rtmp.TypeAudio, 1, "\xaf\x01ab"), say(1, "closeStream", nil), say(2, "play", nil, "rec", 0.0))
	add("plays, pauses and seeks", rtmp.UserControl(rtmp.EventSetBufferLength, 1, 5000), say(1, "play", nil, "clip", 0.0, -1.0, true), say(1, "pause", nil, true, 100.0),
		say(1, "seek", nil, 1000.0), say(1, "pauseRaw", nil, false, 500.0), say(1, "receiveVideo", nil, false), say(1, "receiveAudio", nil, false),
		say(1, "seek", nil, 1e300), say(1, "receiveVideo", nil, 5.0), say(1, "play", nil, false))
	add("makes a playlist", say(1, "play", nil, "clip", 0.0, 100.0, true), say(1, "play", nil, "clip", 1900.0, 50.0, false), say(1, "play", nil, "cam", -1000.0, 0.0, 0.0))
	add("takes a name twice", say(1, "publish", nil, "cam"), say(2, "publish", nil, "cam"), say(1, "publish", nil, "other", "append"))
	add("deletes what plays", say(1, "play", nil, "clip"), say(2, "play", nil, "nobody"), say(0, "deleteStream", nil, 1.0), say(0, "deleteStream", nil, 2.0), say(1, "seek", nil, 0.0))
	add("subscribes", say(0, "FCSubscribe", nil, "cam"), say(0, "releaseStream", nil, "cam"), say(0, "FCPublish", nil, "cam"), say(0, "FCUnpublish", nil, "cam"),
		say(0, "getStreamLength", nil, "clip"), say(0, "_checkbw", nil), say(0, "checkBandwidth", nil), say(0, "_result", nil), say(0, "nothing", nil))
	add("controls", rtmp.WindowAckSize(1), rtmp.SetPeerBandwidth(1, 0), mediaMessage(rtmp.TypeAck, 0, "\xff\xff\xff\xff"), rtmp.UserControl(rtmp.EventPingRequest, 1),
		rtmp.UserControl(rtmp.EventSetBufferLength, 1, math.MaxUint32), mediaMessage(rtmp.TypeAbort, 0, "\x00\x00\x00\x03"), say(1, "play", nil, "clip"), mediaMessage(rtmp.TypeUserControl, 0, "\x00"))
	add("speaks AMF3", mediaMessage(rtmp.TypeCommandAMF3, 1, "\x00\x02\x00\x04play\x00\x3f\xf0\x00\x00\x00\x00\x00\x00\x05\x11\x06\x09clip\x11\x04\x00"), mediaMessage(rtmp.TypeDataAMF3, 1, "\x00\x02\x00\x01a"), mediaMessage(rtmp.TypeSharedObject, 0, "\x00\x01a"))
	add("connects twice", hello())
	add("nests without end", mediaMessage(rtmp.TypeCommand, 1, "\x02\x00\x04play\x00\x3f\xf0\x00\x00\x00\x00\x00\x00\x05"+strings.Repeat("\x0a\x00\x00\x00\x01", 10000)))
	add("nests AMF3 without end", mediaMessage(rtmp.TypeCommand, 1, "\x02\x00\x04play\x00\x3f\xf0\x00\x00\x00\x00\x00\x00\x05\x11"+strings.Repeat("\x09\x03\x01", 10000)))
	add("counts to four thousand million", mediaMessage(rtmp.TypeCommand, 1, "\x02\x00\x04play\x00\x3f\xf0\x00\x00\x00\x00\x00\x00\x05\x0a\xff\xff\xff\xff\x05"))
	add("sends a list that holds itself", mediaMessage(rtmp.TypeCommand, 1, "\x02\x00\x04play\x00\x3f\xf0\x00\x00\x00\x00\x00\x00\x05\x0a\x00\x00\x00\x01\x07\x00\x00"))
	add("sends a million nulls", mediaMessage(rtmp.TypeCommand, 1, "\x02\x00\x04play\x00\x3f\xf0\x00\x00\x00\x00\x00\x00\x05\x0a\x00\x0f\x00\x00"+strings.Repeat("\x05", 1<<20)))

	// Every command with every kind of argument.
	odd := [][]amf.Value{
		{}, {nil}, {amf.Undefined{}}, {true}, {false}, {0.0}, {-1.0}, {1e300, 1e300, 1e300, 1e300}, {math.NaN(), math.Inf(1)}, {"a", math.Inf(-1), math.NaN(), math.NaN()}, {int32(-1), int32(1)},
		{""}, {"?"}, {"clip?key=1", "x"}, {"../../etc/passwd", "record"}, {"a/../../b", "append"}, {"/", "record"}, {"a\x00b", "record"}, {"\xff\xfe", "record"}, {"mp4:clip.mp4", 0.0}, {"flv:clip", 0.0, 0.0, 3.0},
		{strings.Repeat("x", 70000)}, {strings.Repeat("d/", 250), "record"}, {amf.NewArray("a")}, {amf.NewObject("streamName", "clip", "transition", "switch", "start", 1.0, "len", "x", "oldStreamName", nil, "offset", -5.0)}, {&amf.ByteArray{Bytes: []byte{1}}, &amf.Vector[int32]{Items: []int32{1}}, &amf.Dictionary{}},
		{"clip", amf.NewObject(), "x", amf.NewArray()},
	}
	for _, id := range []uint32{0, 1} {
		names := append([]string{"connect"}, session.CommandNames()...)
		for _, name := range names {
			var words []*rtmp.Message
			for _, args := range odd {
				words = append(words, say(id, name, nil, args...))
			}
			add(fmt.Sprintf("%s with odd arguments on stream %d", name, id), words...)
		}
	}

	// And those that do not get in.
	out := func(name string, words ...*rtmp.Message) { list = append(list, stranger{name, words}) }
	out("does not connect", create)
	out("connects to nothing", say(0, "connect", nil))
	out("connects to an odd thing", say(0, "connect", amf.NewObject("app", 5.0)))
	out("connects to another", say(0, "connect", amf.NewObject("app", "other")), create)
	out("connects to another instance", say(0, "connect", amf.NewObject("app", "app/../x")), create)
	out("connects oddly", hello("objectEncoding", "x", "tcUrl", 5.0, "flashVer", amf.NewArray(), "fourCcList", amf.NewArray(nil, 1.0, "avc1"), "videoFourCcInfoMap", amf.NewObject("*", "x"), "capsEx", -1.0, "instanceId", amf.NewArray()), create)
	for _, property := range []string{"flashVer", "app", "tcUrl", "objectEncoding", "swfUrl", "pageUrl", "fourCcList", "videoFourCcInfoMap", "capsEx", "instanceId"} {
		out("connects with an endless "+property, mediaMessage(rtmp.TypeCommand, 0, "\x02\x00\x07connect\x00\x3f\xf0\x00\x00\x00\x00\x00\x00"+string(doubling(property))), create)
	}
	return list
}

func TestStrangers(t *testing.T) {
	for _, w := range []way{here, overShortPipe} {
		t.Run(string(w), func(t *testing.T) {
			h := newStreet(t, w)
			for _, s := range strangers() {
				t.Run(s.name, func(t *testing.T) { h.receive(t, s.words) })
			}
		})
	}
}

// talker is a script that says and asks much, of who calls and of everybody.
const talker = `
application.onConnect = function(client, word) {
	client.call("early", {}, word);
	if (word == "no") { application.rejectConnection(client, {message: word}); return; }
	client.data = {client: client, word: word};
	return true;
};
application.onPublish = application.onUnpublish = function(client, stream) { client.call("published", null, stream.name); };
Client.prototype.echo = function() { return arguments; };
Client.prototype.app = {ask: function(v) { return v; }};
Client.prototype.ask = function(v) {
	var client = this;
	this.call("answer", {onResult: function(r) { client.call("heard", null, r); }, onStatus: function(i) { client.call("failed", null, i); }}, v);
	application.broadcastMsg("asked", v);
};
Client.prototype.allow = function(r, w) { this.readAccess = r; this.writeAccess = w; };
Client.prototype.FCSubscribe = function(name) { this.call("onFCSubscribe", null, name); return name; };
Client.prototype.throwing = function(v) { throw v; };
Client.prototype.bye = function() { application.disconnect(this); };
`

// callers are strangers to a script.
func callers() (list []stranger) {
	loop := amf.NewObject("a", 1.0)
	loop.Set("self", loop)
	odd := [][]amf.Value{{}, {nil}, {amf.Undefined{}}, {"word", 1.0}, {loop}, {amf.NewArray(nil, amf.NewECMAArray("0", 1.0, "length", 5.0))},
		{&amf.ByteArray{Bytes: []byte{1}}, &amf.Vector[int32]{Items: []int32{1}}, &amf.Dictionary{Entries: []amf.Entry{{Key: loop, Value: 1.0}}}},
		{&amf.Object{Class: "some.Class", Properties: []amf.Property{{Name: "__proto__", Value: 1.0}, {Name: "constructor", Value: nil}}}},
		{strings.Repeat("x", 70000)}, {time.UnixMilli(0)}, {math.NaN()}}
	for _, name := range []string{"echo", "ask", "app.ask", "app/ask", "allow", "throwing", "FCSubscribe", "toString", "__proto__", "constructor.x", "..", "/", ".", "", "echo.call",
		"setBandwidthLimit", "bye", strings.Repeat("a.", 300), strings.Repeat("m", 5000), "\x00", "_result", "_error"} {
		words := []*rtmp.Message{hello(), say(0, "createStream", nil)}
		for _, args := range odd {
			words = append(words, say(0, name, nil, args...))
		}
		list = append(list, stranger{fmt.Sprintf("calls %.20q", name), words})
	}
	no := say(0, "connect", amf.NewObject("app", "app", "tcUrl", "rtmp://h/app"), "no")
	list = append(list, stranger{"is rejected", []*rtmp.Message{no, say(0, "echo", nil)}})
	for _, v := range []amf.Value{loop, strings.Repeat("x", 50000), amf.NewArray(loop, loop)} {
		m := say(0, "connect", amf.NewObject("app", "app", "tcUrl", "rtmp://h/app?"+strings.Repeat("a=1&", 3000), "objectEncoding", 3.0), "in", v)
		list = append(list, stranger{"connects with much", []*rtmp.Message{m, say(0, "ask", nil, v), say(0, "_result", nil, v), say(0, "_error", nil, v)}})
	}
	return list
}

func TestCallersOfAScript(t *testing.T) {
	for _, w := range []way{here, overShortPipe} {
		t.Run(string(w), func(t *testing.T) {
			h := newStreetWith(t, w, talker)
			for _, s := range append(callers(), strangers()...) {
				t.Run(s.name, func(t *testing.T) { h.receive(t, s.words) })
			}
		})
	}
}

// kinds are the types of messages that a fuzzer's bytes choose from.
var kinds = []rtmp.MessageType{
	rtmp.TypeCommand, rtmp.TypeCommandAMF3, rtmp.TypeData, rtmp.TypeDataAMF3, rtmp.TypeAudio, rtmp.TypeVideo, rtmp.TypeUserControl,
	rtmp.TypeAggregate, rtmp.TypeAck, rtmp.TypeWindowAckSize, rtmp.TypeSetPeerBandwidth, rtmp.TypeAbort, rtmp.TypeSharedObject,
}

// written is messages as bytes: each has a kind, a message stream id, a time
// in units of 40 ms, and the length of its payload in two bytes.
func written(words []*rtmp.Message) (b []byte) {
	for _, m := range words {
		for i, kind := range kinds {
			if kind == m.Type && len(m.Payload) <= math.MaxUint16 {
				b = append(b, byte(i), byte(m.StreamID), byte(m.Timestamp/40))
				b = binary.BigEndian.AppendUint16(b, uint16(len(m.Payload)))
				b = append(b, m.Payload...)
			}
		}
	}
	return b
}

// read is what bytes have to say, whatever they are.
func read(b []byte) (words []*rtmp.Message) {
	const head = 5
	for len(b) >= head && len(words) < 200 {
		n := min(int(binary.BigEndian.Uint16(b[3:])), len(b)-head)
		words = append(words, &rtmp.Message{
			Type: kinds[int(b[0])%len(kinds)], StreamID: uint32(b[1] % 4), Timestamp: media.Timestamp(b[2]) * 40, Payload: b[head : head+n],
		})
		b = b[head+n:]
	}
	return words
}

func FuzzCommands(f *testing.F) {
	for _, s := range strangers() {
		f.Add(written(s.words))
	}
	h := newStreet(f, here)
	f.Fuzz(func(t *testing.T, b []byte) { h.receive(t, read(b)) })
}

func FuzzCalls(f *testing.F) {
	for _, s := range append(callers(), strangers()...) {
		f.Add(written(s.words))
	}
	h := newStreetWith(f, here, talker)
	f.Fuzz(func(t *testing.T, b []byte) { h.receive(t, read(b)) })
}
