package session_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
)

// netStreams is a client whose messages come as words with the id of their
// stream before them.
type netStreams struct{ *client }

func connectStreams(t *testing.T, s *house, streams int) *netStreams {
	t.Helper()
	return connectTo(t, s, "app/one", streams)
}

func connectTo(t *testing.T, s *house, app string, streams int) *netStreams {
	t.Helper()
	c := &netStreams{hear(t, servertest.Dial(t, s.RTMPAddr()), wordOfStream)}
	c.Connect(app)
	c.expect("0 "+servertest.Success, "0 onBWDone []")
	for i := range streams {
		c.call("createStream", 2, nil)
		c.expect(fmt.Sprintf("0 _result [%d]", i+1))
	}
	return c
}

func wordOfStream(m *rtmp.Message) string {
	switch m.Type {
	case rtmp.TypeCommand, rtmp.TypeAudio:
		return fmt.Sprint(m.StreamID, " ", strings.TrimPrefix(servertest.Word(m), "onStatus NetStream."))
	case rtmp.TypeData:
		values, _ := amf.DecodeAll(m.Payload)
		for i, v := range values {
			if _, ok := v.(*amf.Object); ok {
				values[i] = "{}"
			}
		}
		return fmt.Sprint(m.StreamID, " ", values)
	}
	return ""
}

func (c *netStreams) call(name string, txn float64, object amf.Value, args ...amf.Value) {
	c.t.Helper()
	c.Send(name, txn, object, args...)
}

func (c *netStreams) audio(id uint32, at media.Timestamp) {
	c.t.Helper()
	c.Audio(id, at)
}

func (c *netStreams) data(id uint32, values ...amf.Value) {
	c.t.Helper()
	m, err := rtmp.NewData(id, 0, values...)
	if err == nil {
		err = c.conn.Send(m)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *netStreams) next() string {
	c.t.Helper()
	w, _ := c.Next()
	return w
}

// expectAll is expect where players and publishers are told side by side.
func (c *netStreams) expectAll(want ...string) {
	c.t.Helper()
	left := map[string]int{}
	for _, w := range want {
		left[w]++
	}
	for range want {
		got := c.next()
		if left[got]--; left[got] < 0 {
			c.t.Fatalf("got %q, want one of %q", got, want)
		}
	}
}

// publishes two seconds of sound on the first stream, where it is told so much
// before, and ends that.
func (c *netStreams) publishes(name, mode string, told ...string) {
	c.t.Helper()
	c.on(1, "publish", name, mode)
	c.expect(told...)
	c.audio(1, 1000)
	c.audio(1, 3000)
	c.on(1, "publish", false)
}

func (c *netStreams) plays(id uint32, name string) {
	c.t.Helper()
	c.on(id, "play", name)
	c.expect(fmt.Sprint(id, " Play.Reset"), fmt.Sprint(id, " Play.Start"), fmt.Sprint(id, " [|RtmpSampleAccess false false]"))
}

func TestManyNetStreamsOnOneConnection(t *testing.T) { everyWay(t, testManyNetStreamsOnOneConnection) }

func testManyNetStreamsOnOneConnection(t *testing.T, w way) {
	s, _ := run(t, w, open)
	c := connectStreams(t, s, 5)
	c.on(1, "publish", "a", "live")
	c.expect("1 Publish.Start")
	c.on(3, "publish", "b", "record")
	c.expect("3 Publish.Start", "3 Record.Start")
	c.on(5, "publish", "a", "live") // taken, and be it by the same client
	c.expect("5 Publish.BadName")
	c.plays(2, "a")
	c.plays(4, "b")
	joined(t, s, 2)
	c.audio(1, 10)
	c.expect("2 audio 10")
	c.audio(3, 20)
	c.expect("4 audio 20")
	c.audio(5, 30) // publishes nothing
	c.audio(9, 30) // does not exist
	c.audio(3, 40)
	c.expect("4 audio 40")

	// One ends; the others do not notice. closeStream keeps the id.
	c.on(3, "closeStream")
	c.expectAll("3 Record.Stop", "3 Unpublish.Success", "4 Play.UnpublishNotify")
	c.on(3, "play", "b", 0.0)
	c.expect("3 Play.Reset", "3 Play.Start", "3 [|RtmpSampleAccess false false]", "3 [onStatus {}]")
	for w := c.next(); !strings.HasPrefix(w, "3 audio"); w = c.next() {
		if !strings.HasPrefix(w, "3 [onMetaData") {
			t.Fatalf("got %q", w)
		}
	}
	for w := c.next(); w != "3 Play.Stop"; w = c.next() {
		if !strings.HasPrefix(w, "3 ") {
			t.Fatalf("got %q", w)
		}
	}
	c.audio(1, 50)
	c.expect("2 audio 50")

	// deleteStream frees it, and answers nothing where no answer is wanted.
	c.call("deleteStream", 0, nil, 2.0)
	c.call("deleteStream", 0, nil, 1.0)
	c.expect("1 Unpublish.Success")
	for _, wrong := range []amf.Value{-1.0, 1e30, "1"} {
		c.call("deleteStream", 7, nil, wrong)
		c.expect("0 _error NetConnection.Call.Failed")
	}
	c.call("deleteStream", 7, nil, 200.0)
	c.expect("0 _result [{}]")
	for _, id := range []string{"1", "2", "6"} {
		c.call("createStream", 8, nil)
		c.expect("0 _result [" + id + "]")
	}
	c.on(6, "publish", "a")
	c.expect("6 Publish.Start")
	joined(t, s, 1) // of b
	c.on(6, "publish", false)
	c.expect("6 Unpublish.Success")
}

func TestPublishModes(t *testing.T) { everyWay(t, testPublishModes) }

func testPublishModes(t *testing.T, w way) {
	s, _ := run(t, w, open)
	c := connectStreams(t, s, 1)
	length := func(name string, want float64) {
		t.Helper()
		c.call("getStreamLength", 9, nil, name)
		c.expect(fmt.Sprintf("0 _result [%v]", want))
	}
	c.publishes("cam", "live", "1 Publish.Start")
	c.expect("1 Unpublish.Success")
	length("cam", 0)
	for _, one := range []struct {
		mode string
		want float64
	}{{"append", 2}, {"record", 2}} { // append makes what is not there, record begins anew
		c.publishes("cam", one.mode, "1 Publish.Start", "1 Record.Start")
		c.expect("1 Record.Stop", "1 Unpublish.Success")
		length("/cam?x=y", one.want)
	}
	for _, mode := range []string{"append", "appendWithGap"} {
		c.publishes("cam", mode, "1 Publish.Start", "1 Record.Start")
		c.expect("1 Record.Stop", "1 Unpublish.Success")
	}
	c.call("getStreamLength", 9, nil, "cam")
	var seconds float64
	if _, err := fmt.Sscanf(c.next(), "0 _result [%g]", &seconds); err != nil || seconds < 6 {
		t.Errorf("%v s after appending 2 s twice: %v", seconds, err)
	}
	length("none", 0)
	length("../cam", 0)
}

// What cannot be recorded is live all the same.
func TestPublishWhatCannotBeRecorded(t *testing.T) { everyWay(t, testPublishWhatCannotBeRecorded) }

func testPublishWhatCannotBeRecorded(t *testing.T, w way) {
	s, _ := run(t, w, open, open.named("never", "one").with(func(r *instance.Rules) { r.Recording = instance.RecordOff }),
		open.named("all", "one").with(func(r *instance.Rules) { r.Recording = instance.RecordAll }))
	if err := os.Mkdir(filepath.Join(s.folders[0], "folder.flv"), 0o755); err != nil {
		t.Fatal(err)
	}
	c := connectStreams(t, s, 2)
	c.publishes("a:b", "record", "1 Publish.Start", "1 Record.NoAccess")
	c.expect("1 Unpublish.Success")
	c.publishes("folder", "append", "1 Publish.Start", "1 Record.Failed")
	c.expect("1 Unpublish.Success")
	c.on(2, "publish", "flv:cam", "record")
	c.expect("2 Publish.Start", "2 Record.Start")
	c.publishes("cam", "record", "1 Publish.Start", "1 Record.NoAccess") // the same file
	c.expect("1 Unpublish.Success")
	c.on(1, "publish", "cam", "loud")
	c.expect("1 Publish.BadName")
	c.on(1, "publish", "flv:cam", "live")
	c.expect("1 Publish.BadName")
	c.on(1, "publish", 7.0)
	c.expect("1 Publish.BadName")
	c.on(1, "publish", false) // ends nothing
	c.expect("1 Unpublish.Success")
	c.on(2, "closeStream")
	c.expect("2 Record.Stop", "2 Unpublish.Success")

	off := connect(t, s, "never/one").hello()
	off.on(1, "publish", "cam", "record")
	off.expect("event 0", "onStatus NetStream.Publish.Start", "onStatus NetStream.Record.NoAccess")
	// The manifest records, not the publisher, who hears nothing of it.
	all := connect(t, s, "all/one").hello()
	all.on(1, "publish", "cam", "live")
	all.expect("event 0", "onStatus NetStream.Publish.Start")
	audio(t, all, 0)
	all.on(1, "closeStream")
	all.expect("onStatus NetStream.Unpublish.Success")
}

func TestPlayersStayWhenTheirPublisherIsLost(t *testing.T) {
	everyWay(t, testPlayersStayWhenTheirPublisherIsLost)
}

func testPlayersStayWhenTheirPublisherIsLost(t *testing.T, w way) {
	s, _ := run(t, w, open)
	v := connectStreams(t, s, 1)
	v.plays(1, "cam")
	joined(t, s, 1)
	last := -1
	for range 3 {
		p := connectStreams(t, s, 1)
		p.on(1, "publish", "cam")
		p.expect("1 Publish.Start")
		v.expect("1 Play.PublishNotify")
		p.audio(1, 0)
		p.audio(1, 1000)
		for range 2 {
			var at int
			if w := v.next(); !strings.HasPrefix(w, "1 audio ") {
				t.Fatalf("got %q", w)
			} else if _, err := fmt.Sscanf(w, "1 audio %d", &at); err != nil || at < last {
				t.Errorf("%q after time %d", w, last)
			}
			last = at
		}
		p.conn.Close() // without a word
		v.expect("1 Play.UnpublishNotify")
	}
	if last < 3000 {
		t.Errorf("three seconds end at %d ms", last)
	}
}

func TestCallsOfEncodersAndPlayers(t *testing.T) { everyWay(t, testCallsOfEncodersAndPlayers) }

func testCallsOfEncodersAndPlayers(t *testing.T, w way) {
	s, _ := run(t, w, open)
	c := connectStreams(t, s, 1)
	c.call("releaseStream", 3, nil, "cam")
	c.expect("0 _result [{}]")
	c.call("FCSubscribe", 4, nil, "cam?x=y")
	c.expect("0 onFCSubscribe NetStream.Play.Start", "0 _result [{}]")
	c.call("FCUnsubscribe", 5, nil, "cam")
	c.expect("0 _result [{}]")
	c.call("FCPublish", 6, nil, "cam")
	c.expect("0 onFCPublish NetStream.Publish.Start", "0 _result [{}]")
	c.on(1, "publish", "/cam?x=y", "live")
	c.expect("1 Publish.Start")
	c.call("FCUnpublish", 7, nil, "other")
	c.expect("0 onFCUnpublish NetStream.Unpublish.Success", "0 _result [{}]")
	c.call("FCUnpublish", 8, nil, "/cam?x=y")
	c.expect("0 onFCUnpublish NetStream.Unpublish.Success", "1 Unpublish.Success", "0 _result [{}]")
	c.call("releaseStream", 0, nil, "cam") // no answer is wanted
	c.call("getStreamLength", 9, nil)
	c.expect("0 _error NetConnection.Call.Failed")
}

// Half an hour comes at once for a client that can hold it.
func TestSetBufferLength(t *testing.T) { everyWay(t, testSetBufferLength) }

func testSetBufferLength(t *testing.T, w way) {
	s, _ := run(t, w, open)
	c := connectStreams(t, s, 1)
	c.on(1, "publish", "long", "record")
	c.expect("1 Publish.Start", "1 Record.Start")
	for ms := media.Timestamp(0); ms <= 1800000; ms += 300000 {
		c.audio(1, ms)
	}
	c.on(1, "closeStream")
	c.expect("1 Record.Stop", "1 Unpublish.Success")
	buffer := func(ms uint32) {
		t.Helper()
		if err := c.conn.Send(rtmp.UserControl(rtmp.EventSetBufferLength, 1, ms)); err != nil {
			t.Fatal(err)
		}
	}
	to := func(end string) {
		t.Helper()
		for w := c.next(); w != end; w = c.next() {
			if w == "1 audio 300000" {
				t.Fatalf("%q came too early", w)
			}
		}
	}
	buffer(1000)
	c.on(1, "play", "long", 0.0)
	to("1 audio 0")
	c.call("FCUnsubscribe", 9, nil)
	to("0 _result [{}]")
	buffer(3600000) // while it plays
	rest := []string{"1 audio 300000", "1 audio 600000", "1 audio 900000", "1 audio 1200000", "1 audio 1500000", "1 audio 1800000"}
	c.expect(rest...)
	to("1 Play.Stop")
	c.on(1, "play", "long", 0.0) // and from the beginning
	to("1 audio 0")
	c.expect(rest...)
}

func TestSilentPublisherIsToldOnce(t *testing.T) { everyWay(t, testSilentPublisherIsToldOnce) }

func testSilentPublisherIsToldOnce(t *testing.T, w way) {
	var out lines
	s, stop := runWith(t, w, session.Config{PublisherIdle: 20 * time.Millisecond, Log: out.log(slog.LevelInfo)}, open)
	c := connectStreams(t, s, 2)
	c.on(1, "publish", "quiet", "live")
	c.expect("1 Publish.Start", "1 Publish.Idle")
	c.on(2, "publish", "now-and-then", "live")
	c.expect("2 Publish.Start")
	for range 5 { // one silence of the first is many of the second
		c.expect("2 Publish.Idle")
		c.audio(2, 0)
	}
	c.expect("2 Publish.Idle")
	c.audio(1, 0)
	c.expect("1 Publish.Idle")
	c.on(1, "closeStream")
	c.expect("1 Unpublish.Success")
	c.audio(2, 0)
	c.expect("2 Publish.Idle")
	c.conn.Close()
	stop()
	if n := strings.Count(out.String(), "level=WARN msg=\"publisher is silent\""); n < 9 {
		t.Errorf("%d log lines in %s", n, &out)
	}
}

func TestClearDataFrame(t *testing.T) { everyWay(t, testClearDataFrame) }

func testClearDataFrame(t *testing.T, w way) {
	s, _ := run(t, w, open)
	c := connectStreams(t, s, 3)
	c.on(1, "publish", "cam", "live")
	c.expect("1 Publish.Start")
	c.data(1, "@setDataFrame", "onMetaData", amf.NewObject("a", 1.0))
	c.data(1, "@setDataFrame", "onCuePoint", "b")
	c.call("FCUnsubscribe", 9, nil) // after which the server has it
	c.expect("0 _result [{}]")
	c.plays(2, "cam")
	c.expect("2 [onMetaData {}]", "2 [onCuePoint b]")
	c.data(1, "@clearDataFrame", "onMetaData")
	c.expect("1 Clear.Success")
	c.data(1, "@clearDataFrame", "onMetaData") // is gone
	c.expect("1 Clear.Failed")
	c.data(1, "@clearDataFrame")
	c.expect("1 Clear.Failed")
	// Behind a link, that it is gone comes with the stream, a moment later than the answer.
	for again := time.Now().Add(patience); ; {
		c.plays(3, "cam")
		got := c.next()
		if got == "3 [onCuePoint b]" {
			return
		}
		if _, linked := linkVersion[w]; !linked || got != "3 [onMetaData {}]" || time.Now().After(again) {
			t.Fatalf("a player is sent %q", got)
		}
		c.expect("3 [onCuePoint b]")
	}
}

func TestSampleAccessAsConfigured(t *testing.T) { everyWay(t, testSampleAccessAsConfigured) }

func testSampleAccessAsConfigured(t *testing.T, w way) {
	s, _ := run(t, w, open.with(func(r *instance.Rules) { r.SampleAccess.Video = true }))
	c := connectStreams(t, s, 1)
	c.on(1, "play", "cam")
	c.expect("1 Play.Reset", "1 Play.Start", "1 [|RtmpSampleAccess false true]")
}

// A recording that failed has no other end.
func TestRecordingThatFailedIsNotStopped(t *testing.T) {
	everyWay(t, testRecordingThatFailedIsNotStopped)
}

func testRecordingThatFailedIsNotStopped(t *testing.T, w way) {
	s, _ := run(t, w, open)
	c := connectStreams(t, s, 1)
	c.on(1, "publish", "x", "record")
	c.expect("1 Publish.Start", "1 Record.Start")
	if err := os.Remove(filepath.Join(s.folders[0], "x.flv.part")); err != nil {
		t.Fatal(err)
	}
	c.audio(1, 0)
	c.expect("1 Record.Failed")
	c.on(1, "closeStream")
	c.expect("1 Unpublish.Success")
	// The next one is another.
	c.on(1, "publish", "y", "record")
	c.expect("1 Publish.Start", "1 Record.Start")
	c.audio(1, 0)
	c.on(1, "closeStream")
	c.expect("1 Record.Stop", "1 Unpublish.Success")
}
