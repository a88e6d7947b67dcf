//go:build clients

package server

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net"
	"slices"
	"sync/atomic"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

const (
	// crowdAddresses is how many addresses a crowd comes from.
	crowdAddresses = 50
	// spendingPlayers is how many play from one address: no more than it may have.
	spendingPlayers = 100
	// roomsKept is how many instances a stranger keeps in use.
	roomsKept = 150
)

// crowdTrials are strangers who come from many addresses, or are many of one, and
// those whom a server lets publish.
func crowdTrials() []trial {
	return []trial{
		{
			name:    fmt.Sprintf("Calls without end whose answers are read, from %d addresses.", crowdAddresses),
			bound:   "half of the processors, in turns; the address that has worked least is next",
			notices: "nothing", memory: 96 << 20,
			least: load{Sent: 2 << 20, Came: 512 << 10, Served: crowdAddresses},
			send:  sendFromEverywhere,
		},
		{
			name:    fmt.Sprintf("%d players of one address, that come, play what is live, and leave, again and again.", spendingPlayers),
			bound:   "spec.limits.maxConnectionsPerAddress; half of the processors, in turns, until they play",
			notices: "nothing", memory: 96 << 20,
			least: load{Served: spendingPlayers},
			send:  sendPlayers,
		},
		{
			name:    "Without a key (access.publish.mode Anyone): pings and calls without end by 2 who publish.",
			bound:   "half of the processors, in turns, for all that is no media; media as fast as its network brings it",
			notices: "nothing", memory: 96 << 20, anyone: true,
			least: load{Sent: 512 << 10, Came: 256 << 10, Served: 2},
			send:  sendAsPublishers,
		},
		{
			name:    fmt.Sprintf("Connects that name an instance of their own each, from %d addresses, and leave, again and again; and %d that stay.", crowdAddresses, roomsKept),
			bound:   "spec.limits.maxInstances, of which an address has a quarter; a budget of the process; who has left makes room",
			notices: "nothing", memory: 64 << 20, kept: 16 << 20,
			least: load{Served: roomsKept + crowdAddresses},
			send:  sendNames,
		},
	}
}

// sendUnread sends the same again and again, and has what comes read and dropped.
func (s *stranger) sendUnread(nc net.Conn, all []byte) error {
	go func() { _, _ = io.Copy(io.Discard, nc) }() // until it is closed
	for s.goes() {
		if _, err := nc.Write(all); err != nil {
			return err
		}
	}
	return nil
}

func sendFromEverywhere(s *stranger) {
	calls := bytes.Repeat(chunks(0, "noSuchMethod", nil, "x"), 100)
	from := make(chan string, crowdAddresses)
	for n := range cap(from) {
		from <- fmt.Sprintf("127.0.7.%d", 1+n)
	}
	s.crowd(cap(from), func() error {
		own := <-from
		defer func() { from <- own }()
		nc, err := s.letInFrom(own)
		if err != nil {
			return err
		}
		defer nc.Close()
		return s.sendUnread(nc, calls)
	})
}

func sendPlayers(s *stranger) {
	plays := chunks(0, "connect", amf.NewObject("app", "app/one"))
	plays = append(plays, chunks(0, "createStream", nil)...)
	plays = append(plays, chunks(1, "play", nil, "live", -1.0)...)
	s.crowd(spendingPlayers, func() error {
		conn, nc, err := s.shake()
		if err != nil {
			return err
		}
		defer nc.Close()
		pour(nc, plays)
		seen := 0
		err = conn.Serve(func(m *rtmp.Message) error {
			if m.Type == rtmp.TypeVideo {
				if seen++; seen == 10 {
					return io.EOF
				}
			}
			return nil
		})
		if seen < 10 {
			return fmt.Errorf("a player of %d pictures: %w", seen, cmp.Or(err, io.EOF))
		}
		s.served.Add(1)
		return nil
	})
}

func sendAsPublishers(s *stranger) {
	ping := rtmp.AppendChunks(nil, rtmp.UserControl(rtmp.EventPingRequest, 1), 128)
	flood := bytes.Repeat(slices.Concat(ping, chunks(0, "noSuchMethod", nil, "x")), 500)
	names := make(chan string, 2) // one is of whoever has taken it
	names <- "own1"
	names <- "own2"
	s.crowd(cap(names), func() error {
		nc, err := s.letIn()
		if err != nil {
			return err
		}
		defer nc.Close()
		own := <-names
		defer func() { names <- own }()
		pour(nc, slices.Concat(chunks(0, "createStream", nil), chunks(1, "publish", nil, own, "live")))
		return s.sendUnread(nc, flood)
	})
}

func sendNames(s *stranger) {
	for n := range roomsKept {
		s.insists(func() error {
			_, err := s.letInto(strangersAddress, fmt.Sprint("app/kept", n))
			return err
		})
	}
	var last atomic.Int64
	from := make(chan string, crowdAddresses)
	for n := range cap(from) {
		from <- fmt.Sprintf("127.0.7.%d", 1+n)
	}
	s.crowd(8, func() error {
		own := <-from
		defer func() { from <- own }()
		n := last.Add(1)
		nc, err := s.letInto(own, fmt.Sprintf("app/room%d/in%d", n, n))
		if err != nil {
			return err
		}
		return nc.Close()
	})
}
