package session

import (
	"errors"
	"fmt"
	"net/url"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/instance"
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

// connect answers the first command of every client: reference §2.5.1 for the
// order, [SPEC §7.2.1.1] for the fields.
func (s *Session) connect(cmd *rtmp.Command) error {
	if s.connected {
		return s.failCall(cmd, "This connection is connected already.")
	}
	args, ok := cmd.Object.(*amf.Object)
	if !ok {
		return s.refuse(cmd, "NetConnection.Connect.Failed", "connect needs a command object with app and tcUrl.", "bad connect")
	}
	app, _ := args.Get("app")
	appName, _ := app.(string)
	to, err := parseApp(appName)
	if err != nil {
		return s.refuse(cmd, "NetConnection.Connect.InvalidApp", err.Error(), "bad application name")
	}
	inst, err := s.dir.Instance(to.application, to.instance)
	switch {
	case errors.Is(err, ErrNoApplication):
		return s.refuse(cmd, "NetConnection.Connect.InvalidApp", fmt.Sprintf(
			"[ Server.Reject ] : (_defaultRoot_, _defaultVHost_) : Application (%s) is not defined.", to.application), "no such application")
	case err != nil:
		return s.refuse(cmd, "NetConnection.Connect.Rejected", fmt.Sprintf(
			"[ Server.Reject ] : (_defaultRoot_, _defaultVHost_) : Instance (%s) of application (%s) is not served here.", to.instance, to.application), "no such instance")
	}
	switch err := inst.Connect(s); {
	case errors.Is(err, instance.ErrFull):
		return s.refuse(cmd, "NetConnection.Connect.Failed", "[ Server.Reject ] : Resource limit violation: "+err.Error()+".", "instance is full")
	case err != nil:
		return s.refuse(cmd, "NetConnection.Connect.AppShutdown", "The instance is stopping.", "instance is stopping")
	}
	s.inst, s.connected = inst, true
	s.query = to.query
	tcURL, _ := args.Get("tcUrl")
	if text, ok := tcURL.(string); ok {
		if u, err := url.Parse(text); err == nil {
			for k, v := range u.Query() {
				s.query[k] = append(s.query[k], v...)
			}
		}
	}
	s.log = s.log.With("application", to.application, "instance", to.instance)
	flashVer, _ := args.Get("flashVer")
	agent, _ := flashVer.(string)
	said := []any{"agent", printable(agent)}
	peer, enhanced := rtmp.ParseEnhanced(args)
	if enhanced {
		said = append(said, "codecs", peer.Codecs, "capsEx", peer.Caps)
		s.reconnects = peer.Caps&rtmp.CapsReconnect != 0
	}
	s.log.Info("connected", said...)

	encoding, ok := args.Get("objectEncoding")
	if !ok {
		encoding = 0.0
	}
	props := amf.NewObject("fmsVer", fmsVersion, "capabilities", fmsCapabilities, "mode", 1)
	if enhanced {
		// Only to who asks: a client of Adobe's time gets what it knows.
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
	return s.conn.SendCommand(0, "onBWDone", 0, nil)
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

// refuse answers connect with _error and the reason, tells the client to
// close, and ends the connection.
func (s *Session) refuse(cmd *rtmp.Command, code, description, counted string) error {
	s.cfg.Refused(counted)
	s.log.Warn("connect refused", "code", code, "reason", description)
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
	if err := s.conn.SendCommand(0, "close", 0, nil); err != nil {
		return err
	}
	return errRefused
}
