package session

import (
	"errors"
	"fmt"
	"net/url"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

const (
	// What Flash Communication Server's successors call themselves; clients
	// look at the number before the first comma.
	fmsVersion     = "FMS/3,5,7,7009"
	fmsDataVersion = "3,5,7,7009"
	// capabilities as SRS and FMS 3.5 send them.
	fmsCapabilities = 127

	windowAckSize = 2500000 // bytes; FMS's own figure
	peerLimit     = 2       // dynamic

	// What of Enhanced RTMP there is: payloads go through as they are.
	capsEx = rtmp.CapsReconnect | rtmp.CapsMultitrack | rtmp.CapsModEx | rtmp.CapsTimestampNanoOffset
)

// connect answers the first command of every client: PROTOCOL.md §1 for the
// order, [SPEC §7.2.1.1] for the fields.
func (s *Session) connect(cmd *rtmp.Command) error {
	if s.inst != nil {
		return s.failCall(cmd, "This connection is connected already.")
	}
	args, ok := cmd.Object.(*amf.Object)
	if !ok {
		return s.refuse(cmd, "NetConnection.Connect.Failed", "connect needs a command object with app and tcUrl.", "bad connect")
	}
	to, err := parseApp(property(args, "app", ""))
	if err != nil {
		return s.refuse(cmd, "NetConnection.Connect.InvalidApp", err.Error(), "bad application name")
	}
	s.client.Agent = Printable(property(args, "flashVer", ""))
	answer, err := ask(s, func(answer func(ConnectAnswer)) {
		s.dir.Connect(ConnectRequest{s.client, to.Application, to.Instance}, s, answer)
	}, func(late ConnectAnswer) {
		if late.Instance != nil {
			late.Instance.Leave(s.client)
		}
	})
	switch {
	case errors.Is(err, errPending):
		return s.refuse(cmd, "NetConnection.Connect.Failed", fmt.Sprintf(
			"The instance has not answered for %v.", s.cfg.PendingTimeout), string(RefusedNoAnswer))
	case err != nil:
		return nil // the client has gone
	case answer.Refusal != nil:
		return s.refused(cmd, to, answer.Refusal)
	}
	s.letIn(answer)
	s.query = to.query
	if u, err := url.Parse(property(args, "tcUrl", "")); err == nil {
		for k, v := range u.Query() {
			s.query[k] = append(s.query[k], v...)
		}
	}
	return s.welcome(cmd, args, to)
}

// letIn notes that an instance has let the client in.
func (s *Session) letIn(answer ConnectAnswer) {
	s.inst = answer.Instance
	s.maxMessage = defaultMessage
	if answer.MaxMessageSize > 0 {
		s.maxMessage = answer.MaxMessageSize
	}
	s.largest.Store(int64(s.maxMessage))
	s.stand()
}

// welcome tells a client that it was let in.
func (s *Session) welcome(cmd *rtmp.Command, args *amf.Object, to target) error {
	s.log = s.log.With("application", to.Application, "instance", to.Instance)
	said := []any{"agent", s.client.Agent}
	peer, enhanced := rtmp.ParseEnhanced(args)
	s.takes = takesOf(peer, enhanced)
	if enhanced {
		said = append(said, "codecs", peer.Codecs, "capsEx", peer.Caps)
		s.reconnects.Store(peer.Caps&rtmp.CapsReconnect != 0)
	}
	s.log.Info("connected", said...)

	// A number, and no other than there is, whatever came.
	encoding := 0.0
	if v, ok := args.Get("objectEncoding"); ok && (v == 3.0 || v == int32(3)) {
		encoding = 3
		s.amf3 = true
	}
	props := amf.NewObject("fmsVer", fmsVersion, "capabilities", fmsCapabilities, "mode", 1)
	if enhanced {
		// Only for a client that speaks of it: one of Adobe's time gets what it
		// knows.
		rtmp.SetEnhanced(props, capsEx)
	}
	info := amf.NewObject(
		"level", "status",
		"code", "NetConnection.Connect.Success",
		"description", "Connection succeeded.",
		"objectEncoding", encoding,
		"clientid", s.id,
		"data", amf.NewECMAArray("version", fmsDataVersion),
	)
	if err := s.greet(); err != nil {
		return err
	}
	if err := s.conn.SendCommand(0, "_result", cmd.Transaction, props, info); err != nil {
		return err
	}
	// Many players start only once they were told that bandwidth detection
	// is over.
	err := s.conn.SendCommand(0, "onBWDone", 0, nil)
	s.connected.Store(true) // from here on it may be told to go
	return err
}

// greet sends what comes before the answer to connect. The chunk size goes
// before anything longer than the 128 bytes that a chunk has until then.
func (s *Session) greet() error {
	return s.conn.Send(
		rtmp.WindowAckSize(windowAckSize),
		rtmp.SetPeerBandwidth(windowAckSize, peerLimit),
		rtmp.UserControl(rtmp.EventStreamBegin, 0),
		rtmp.SetChunkSize(rtmp.ChunkSize),
	)
}

// refused tells a client why the instance has not let it in.
func (s *Session) refused(cmd *rtmp.Command, to target, why *Refusal) error {
	const reject = "[ Server.Reject ] : "
	switch why.Code {
	case RefusedNoApplication:
		return s.refuse(cmd, "NetConnection.Connect.InvalidApp", fmt.Sprintf(
			reject+"(_defaultRoot_, _defaultVHost_) : Application (%s) is not defined.", to.Application), string(why.Code))
	case RefusedNoInstance:
		return s.refuse(cmd, "NetConnection.Connect.Rejected", fmt.Sprintf(
			reject+"(_defaultRoot_, _defaultVHost_) : Instance (%s) of application (%s) is not served here.", to.Instance, to.Application), string(why.Code))
	case RefusedBadInstance:
		return s.refuse(cmd, "NetConnection.Connect.Rejected", fmt.Sprintf(
			reject+"(_defaultRoot_, _defaultVHost_) : Instance (%s) of application (%s) cannot start: %s.", Printable(to.Instance), to.Application, why.Error()), string(why.Code))
	case RefusedLimit:
		return s.refuse(cmd, "NetConnection.Connect.Failed", reject+"Resource limit violation: "+why.Error()+".", "instance is full")
	case RefusedStopping:
		return s.refuse(cmd, "NetConnection.Connect.AppShutdown", "The instance is stopping.", string(why.Code))
	}
	return s.refuse(cmd, "NetConnection.Connect.Failed", why.Error()+".", string(why.Code))
}

// refuse answers connect with _error and the reason, tells the client to
// close, and ends the connection.
func (s *Session) refuse(cmd *rtmp.Command, code, description, counted string) error {
	defer s.dismiss(lingerFor)
	s.cfg.Refused(counted)
	args, _ := cmd.Object.(*amf.Object)
	if args == nil {
		args = &amf.Object{}
	}
	s.log.Warn("connect refused", "app", Printable(property(args, "app", "")), "code", code, "reason", description)
	err := s.conn.Send(
		rtmp.WindowAckSize(windowAckSize),
		rtmp.SetPeerBandwidth(windowAckSize, peerLimit),
		rtmp.SetChunkSize(rtmp.ChunkSize),
	)
	if err != nil {
		return err
	}
	info := amf.NewObject("level", "error", "code", code, "description", description)
	if err := s.conn.SendCommand(0, "_error", cmd.Transaction, nil, info); err != nil {
		return err
	}
	return s.conn.SendCommand(0, "close", 0, nil)
}
