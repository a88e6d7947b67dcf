package server

import (
	"errors"
	"fmt"
	"net"
	"os"
)

// Listen opens the ports. Its errors name the flag to change. That of RTMPS is
// open without a certificate, too: what is wrong with one takes nothing else
// down, and a client that connects there is told so by
// TLS.
func (s *Server) Listen() error {
	var err error
	if s.rtmp, err = net.Listen("tcp", s.cfg.RTMPAddress); err != nil {
		return listenError("RTMP", "--rtmp-address", s.cfg.RTMPAddress, err)
	}
	if err = s.listenWeb(); err != nil {
		s.rtmp.Close()
		return err
	}
	if err = s.listenTLS(); err == nil {
		err = s.listenDebug()
	}
	if err == nil {
		err = s.listenPublic()
	}
	if err == nil {
		err = s.listenLinks()
	}
	if err != nil {
		s.rtmp.Close()
		s.http.Close()
		if s.rtmps != nil {
			s.rtmps.Close()
		}
		if s.public.listener != nil {
			s.public.listener.Close()
		}
		s.debug.close()
	}
	return err
}

func (s *Server) listenTLS() error {
	if s.cfg.RTMPSAddress == "" {
		return nil
	}
	if s.cfg.TLSCertFile == "" || s.cfg.TLSKeyFile == "" {
		why := "RTMPS needs a certificate and its key: set --tls-cert-file and --tls-key-file"
		if s.cfg.TLSFolder != "" {
			why += ", for clients that call no name which --tls-folder has"
		}
		return errors.New(why)
	}
	ln, err := net.Listen("tcp", s.cfg.RTMPSAddress)
	if err != nil {
		return listenError("RTMPS", "--rtmps-address", s.cfg.RTMPSAddress, err)
	}
	s.cert = openCertificate(s.cfg.TLSCertFile, s.cfg.TLSKeyFile, s.cfg.clock, s.log)
	s.rtmps, s.tls = ln, s.cert.config()
	if s.cfg.TLSFolder != "" {
		s.certs = openCertificates(s.cfg.TLSFolder, s.cfg.clock, s.log)
		s.tls.GetCertificate = s.certs.before(s.tls.GetCertificate)
	}
	if s.cfg.WebAddress != "" {
		s.tls, s.public.secure, s.public.multi = withHTTP(s.tls), newHanded(ln.Addr()), newHanded(ln.Addr())
	}
	return nil
}

func listenError(what, flag, address string, err error) error {
	var sys *os.SyscallError
	reason := err
	if errors.As(err, &sys) {
		reason = sys.Err
	}
	return fmt.Errorf("listen for %s on %s: %w (choose another address with %s; port 0 takes any free one)", what, address, reason, flag)
}

// RTMPAddr is the address listened on, with the real port.
func (s *Server) RTMPAddr() net.Addr { return s.rtmp.Addr() }

// RTMPSAddr is the address listened on for TLS, nil when there is none.
func (s *Server) RTMPSAddr() net.Addr {
	if s.rtmps == nil {
		return nil
	}
	return s.rtmps.Addr()
}

// HTTPAddr is the address listened on, with the real port.
func (s *Server) HTTPAddr() net.Addr { return s.http.Addr() }
