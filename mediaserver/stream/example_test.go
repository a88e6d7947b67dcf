package stream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"

	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// A reader gets what is published, message by message, from the newest keyframe
// on: a recorder is one, and so is whatever else wants payloads. Players get
// the log's bytes on their connections, see [stream.Stream.Play].
func ExampleStream_NewReader() {
	fanout := stream.NewFanout(1)
	defer fanout.Close()
	cam := stream.New("cam", fanout, stream.Options{GOPCache: true})
	publisher, err := cam.Publish()
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range []*rtmp.Message{
		{Type: rtmp.TypeVideo, Timestamp: 0, Payload: []byte{0x12, 'a'}}, // a keyframe
		{Type: rtmp.TypeVideo, Timestamp: 40, Payload: []byte{0x22, 'b'}},
		{Type: rtmp.TypeVideo, Timestamp: 80, Payload: []byte{0x12, 'c'}}, // another
		{Type: rtmp.TypeVideo, Timestamp: 120, Payload: []byte{0x22, 'd'}},
	} {
		if err := publisher.Write(m); err != nil {
			log.Fatal(err)
		}
	}
	reader := cam.NewReader()
	defer reader.Close()
	publisher.Close()

	for {
		m, err := reader.Next(context.Background())
		if errors.Is(err, io.EOF) {
			fmt.Println("the publication is over")
			return
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%c at %d ms\n", m.Payload[1], m.Timestamp)
	}

	// Output:
	// c at 80 ms
	// d at 120 ms
	// the publication is over
}
