package session_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// netConnection is a connection to app/one with n streams.
func netConnection(ctx context.Context, t *testing.T, s *house, n int) (*rtmp.NetConnection, []*rtmp.NetStream) {
	t.Helper()
	nc, err := rtmp.Connect(ctx, "rtmp://"+s.RTMPAddr().String()+"/app/one/x", rtmp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	streams := make([]*rtmp.NetStream, n)
	for i := range streams {
		if streams[i], err = nc.CreateStream(ctx); err != nil {
			t.Fatal(err)
		}
	}
	return nc, streams
}

// picturesOn are what comes on each of the streams.
func picturesOn(streams []*rtmp.NetStream) (got []chan packet) {
	for _, stream := range streams {
		pictures := make(chan packet, 100)
		got = append(got, pictures)
		stream.OnMedia(func(m *rtmp.Message) error {
			if m.Type == rtmp.TypeVideo {
				pictures <- packet{m.Type, m.Timestamp, string(m.Payload)}
			}
			return nil
		})
	}
	return got
}

// One connection publishes, plays what it publishes, and plays the recording of
// it, with a stream for each.
func TestOneConnectionPublishesAndPlays(t *testing.T) {
	everyWay(t, testOneConnectionPublishesAndPlays)
}

func testOneConnectionPublishesAndPlays(t *testing.T, w way) {
	s, _ := run(t, w, open)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, streams := netConnection(ctx, t, s, 3)
	published, live, recorded := streams[0], streams[1], streams[2]
	got := picturesOn(streams)
	if err := published.Publish(ctx, "cam", "record"); err != nil {
		t.Fatal(err)
	}
	if err := live.Play(ctx, "cam", rtmp.PlayLive); err != nil {
		t.Fatal(err)
	}
	joined(t, s, 1)
	film := []packet{video(0, "\x17\x01\x00\x00\x00first"), video(500, "\x27\x01\x00\x00\x00then"), video(1000, "\x17\x01\x00\x00\x00second")}
	for _, p := range film {
		if err := published.Send(ctx, &rtmp.Message{Type: p.kind, Timestamp: p.time, Payload: []byte(p.payload)}); err != nil {
			t.Fatal(err)
		}
	}
	gets(t, "live", got[1], film...)
	if err := published.Unpublish(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := live.Await(ctx, "NetStream.Play.UnpublishNotify"); err != nil {
		t.Fatal(err)
	}
	if err := live.Close(); err != nil {
		t.Fatal(err)
	}
	if err := recorded.Play(ctx, "cam", 700*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	fromThere := []packet{video(0, film[0].payload), video(0, film[1].payload), video(300, film[2].payload)}
	gets(t, "recorded", got[2], fromThere...)
	if err := recorded.Pause(ctx, true, 300*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if err := recorded.Seek(ctx, 0); err != nil {
		t.Fatal(err)
	}
	gets(t, "recorded, after a seek", got[2], fromThere[0]) // the picture while it pauses
	if err := recorded.Pause(ctx, false, 0); err != nil {
		t.Fatal(err)
	}
	gets(t, "recorded, after a pause", got[2], fromThere...)
	if len(got[0]) != 0 {
		t.Errorf("the publisher was sent %v", <-got[0])
	}
	var refused *rtmp.StatusError
	if err := published.Play(ctx, "none", 0); !errors.As(err, &refused) || refused.Code != "NetStream.Play.StreamNotFound" {
		t.Errorf("a recording that is not there: %v", err)
	}
}

// The server calls methods of the client, and waits for their answers.
func TestServerCallsTheClient(t *testing.T) { everyWay(t, testServerCallsTheClient) }

func testServerCallsTheClient(t *testing.T, w way) {
	s, _ := run(t, w, open)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	nc, _ := netConnection(ctx, t, s, 0)
	rounds, done := 0, make(chan []amf.Value, 1)
	nc.Handle("onBWCheck", func([]amf.Value) (amf.Value, error) { rounds++; return 0, nil })
	nc.Handle("onBWDone", func(args []amf.Value) (amf.Value, error) { done <- args; return nil, nil })
	if _, err := nc.Call(ctx, "checkBandwidth"); err != nil {
		t.Fatal(err)
	}
	for {
		select {
		case args := <-done:
			if len(args) == 0 {
				continue // after connect, for old clients
			}
			if kbit, _ := args[0].(float64); rounds < 2 || kbit <= 0 {
				t.Errorf("%d rounds came to %v", rounds, args)
			}
			return
		case <-ctx.Done():
			t.Fatal("the bandwidth is not told")
		}
	}
}
