package server

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/session"
)

const (
	// maxInWords is how many connections at once are told why there is no place
	// for them, a sixteenth of the files at most, and maxInWordsBy how many of one
	// address, where addresses have bounds: others are closed without a word.
	maxInWords   = 64
	maxInWordsBy = 2
	// fewPlaces are so few that one address may have them all.
	fewPlaces = 16
	// wordsTimeout is how long one may take for its handshake, and then for its
	// connect.
	wordsTimeout = 3 * time.Second
)

// words tells clients for which there is no place why. The zero value tells
// nobody.
type words struct {
	places    chan struct{}
	addresses *budget.Addresses
}

// newWords makes them with places of their own among the files. perAddress and
// shared are those of addressPlaces.
func newWords(files *budget.Budget, perAddress int, shared []netip.Prefix) words {
	n := wordsPlaces(files)
	if !files.Take(int64(n)) {
		n = 0
	}
	return words{places: make(chan struct{}, n), addresses: budget.NewAddresses(min(perAddress, maxInWordsBy), shared)}
}

func wordsPlaces(files *budget.Budget) int {
	if files == nil {
		return maxInWords
	}
	return int(min(files.Max()/16, maxInWords))
}

// refuse tells a connection why there is no place for it, if there is one for
// that, and closes it. It does not wait.
func (s *Server) refuse(nc net.Conn, why *session.Refusal) {
	s.inWords(nc, func() { s.sayNoPlace(nc, why) })
}

// inWords has a connection refused in words, if there is a place for that, and closes
// it where there is none. It does not wait.
func (s *Server) inWords(nc net.Conn, say func()) {
	from := nc.RemoteAddr().String()
	if !s.words.addresses.Come(from) {
		nc.Close()
		return
	}
	select {
	case s.words.places <- struct{}{}:
	default:
		s.words.addresses.Go(from)
		nc.Close()
		return
	}
	s.sessions.Go(func() {
		defer func() { <-s.words.places }()
		defer s.words.addresses.Go(from)
		say()
	})
}

// sayNoPlace tells a client of RTMP why there is no place for it.
func (s *Server) sayNoPlace(nc net.Conn, why *session.Refusal) {
	// What is wrong is counted where it is refused: once.
	session.New(nc, noPlace{why}, session.Config{
		RTMP: rtmp.Config{HandshakeTimeout: s.cfg.wordsTime}, ConnectTimeout: s.cfg.wordsTime, Budgets: s.cfg.Budgets,
	}).Serve()
}

// noPlace is the Directory of those for whom there is no place.
type noPlace struct{ why *session.Refusal }

// Connect implements session.Directory.
func (n noPlace) Connect(_ session.ConnectRequest, _ session.Peer, answer func(session.ConnectAnswer)) {
	answer(session.ConnectAnswer{Refusal: n.why})
}

func allTaken() *session.Refusal {
	return &session.Refusal{Code: session.RefusedLimit, Limit: "--max-connections", Reason: "all places of the server are taken"}
}

func addressFull(most int) *session.Refusal {
	return &session.Refusal{
		Code: session.RefusedLimit, Limit: "spec.limits.maxConnectionsPerAddress",
		Reason: fmt.Sprintf("limit reached: your address has %d connections already (spec.limits.maxConnectionsPerAddress)", most),
	}
}

// addressLimit is how many connections one address may have with an instance, 0
// for any number, and those that stand for many.
func addressLimit(doc *v1alpha1.AppInstance) (most int, shared []netip.Prefix) {
	most = int(doc.Spec.ConnectionsPerAddress())
	if most == 0 {
		return 0, nil
	}
	return most, sharedAddresses(doc)
}

// sharedAddresses are those that stand for many.
func sharedAddresses(doc *v1alpha1.AppInstance) (shared []netip.Prefix) {
	for _, one := range doc.Spec.Limits.SharedAddresses {
		if p, err := v1alpha1.ParseAddress(one); err == nil { // as documents are: they are valid
			shared = append(shared, p)
		}
	}
	return shared
}

// addressPlaces is how many connections one address may have before it is known
// which instance it wants: as many as any of them allows, and no more than half
// of all places.
func addressPlaces(docs []v1alpha1.AppInstance, places int) (most int, shared []netip.Prefix) {
	for i := range docs {
		n, many := addressLimit(&docs[i])
		shared = append(shared, many...)
		if n == 0 {
			return 0, nil
		}
		most = max(most, n)
	}
	return min(most, max(fewPlaces, places/2)), shared
}
