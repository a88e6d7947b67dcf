package rtmp_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"flashpod.dev/flashpod/api/v1alpha1/manifest"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/server"
)

// A client publishes a picture, and another one plays it.
func Example() {
	url, stop, err := serve()
	if err != nil {
		log.Fatal(err)
	}
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	publisher, err := rtmp.Connect(ctx, url, rtmp.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer publisher.Close()
	out, err := publisher.CreateStream(ctx)
	if err != nil {
		log.Fatal(err)
	}
	if err := out.Publish(ctx, publisher.URL.Stream, "live"); err != nil {
		log.Fatal(err)
	}
	keyframe := []byte{0x12, 'a'} // of Sorenson's H.263: no sequence header goes before it
	if err := out.Send(ctx, &rtmp.Message{Type: rtmp.TypeVideo, Timestamp: 40, Payload: keyframe}); err != nil {
		log.Fatal(err)
	}

	player, err := rtmp.Connect(ctx, url, rtmp.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer player.Close()
	in, err := player.CreateStream(ctx)
	if err != nil {
		log.Fatal(err)
	}
	picture := make(chan string, 1)
	in.OnMedia(func(m *rtmp.Message) error {
		if m.Type == rtmp.TypeVideo {
			picture <- fmt.Sprintf("a picture of %d bytes at %d ms", len(m.Payload), m.Timestamp)
		}
		return nil
	})
	if err := in.Play(ctx, player.URL.Stream, rtmp.PlayLive); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-picture)

	// Output: a picture of 2 bytes at 40 ms
}

// serve runs a server of one instance, app/one, where anyone may publish, and
// returns the URL of a stream there.
func serve() (url string, stop func(), err error) {
	docs, err := manifest.Load(strings.NewReader(`
apiVersion: media.flashpod.dev/v1alpha1
kind: AppInstance
metadata: {name: one}
spec: {application: app, access: {publish: {mode: Anyone}}}
`), "one.yaml")
	if err != nil {
		return "", nil, err
	}
	data, err := os.MkdirTemp("", "example")
	if err != nil {
		return "", nil, err
	}
	s, err := server.New(server.Config{Data: data, RTMPAddress: "127.0.0.1:0", HTTPAddress: "127.0.0.1:0"}, docs)
	if err != nil {
		return "", nil, err
	}
	if err := s.Listen(); err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop = func() {
		cancel()
		if err := <-done; err != nil {
			log.Print(err)
		}
		if err := os.RemoveAll(data); err != nil {
			log.Print(err)
		}
	}
	return "rtmp://" + s.RTMPAddr().String() + "/app/one/cam", stop, nil
}
