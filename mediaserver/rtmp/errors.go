package rtmp

import "errors"

// Errors that callers decide on. Others are those of the network, and io.EOF.
var (
	// ErrNoData says that the peer closed, or let the time pass, before it
	// sent a single byte: a health probe, most likely.
	ErrNoData = errors.New("no data")
	// ErrNotRTMP says that the first byte belongs to another protocol.
	ErrNotRTMP = errors.New("this is no RTMP")
	// ErrEncrypted says that the peer wants RTMPE.
	ErrEncrypted = errors.New("RTMPE is not supported: use plain RTMP, or RTMPS")
	// ErrProtocol says that the peer broke the rules of the protocol.
	ErrProtocol = errors.New("protocol violation")
	// ErrTooBig says that a message is larger than Config.MaxMessageSize.
	ErrTooBig = errors.New("message is too big")
	// ErrSilent says that the peer neither sent anything nor answered a ping.
	ErrSilent = errors.New("peer is silent")
	// ErrSlow says that the peer takes less than it is sent.
	ErrSlow = errors.New("peer is too slow")
)
