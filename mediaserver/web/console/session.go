package console

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Role is what a session may do.
type Role string

// The roles.
const (
	Admin  Role = "admin"  // looks, and changes
	Viewer Role = "viewer" // looks
)

// Roles are all that there are, the one that may most first.
var Roles = []Role{Admin, Viewer}

const (
	cookieName  = "flashpod-console"
	sessionTime = 12 * time.Hour
	// maxSessions bounds those that are remembered: with one more, the oldest ends.
	maxSessions = 64
	// tokensEvery is how often it is looked whether tokens have changed.
	tokensEvery = 2 * time.Second
)

// login is one session.
type login struct {
	id    string
	role  Role
	token [sha256.Size]byte // that was shown, as a sum
	until time.Time
	ended chan struct{}

	listeners int // guarded by sampler.mu
}

// sessions are those that were not ended. All methods may be called from any goroutine.
type sessions struct {
	mu     sync.Mutex // nothing else is taken while it is held
	byID   map[string]*login
	closed chan struct{}
}

func newSessions() *sessions {
	return &sessions{byID: map[string]*login{}, closed: make(chan struct{})}
}

// of is the session that a request is of; nil: it is of none.
func (s *sessions) of(r *http.Request) *login {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.byID[c.Value]
	if l != nil && time.Now().After(l.until) {
		s.drop(l)
		return nil
	}
	return l
}

// begin makes a session, in place of the oldest where there are too many.
func (s *sessions) begin(role Role, token string) *login {
	l := &login{id: rand.Text(), role: role, token: sha256.Sum256([]byte(token)), until: time.Now().Add(sessionTime), ended: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.byID) >= maxSessions {
		var oldest *login
		for _, one := range s.byID {
			if oldest == nil || one.until.Before(oldest.until) {
				oldest = one
			}
		}
		s.drop(oldest)
	}
	s.byID[l.id] = l
	return l
}

func (s *sessions) end(l *login) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(l)
}

// drop is end. The caller holds mu.
func (s *sessions) drop(l *login) {
	if s.byID[l.id] == l {
		delete(s.byID, l.id)
		close(l.ended)
	}
}

func (s *sessions) close() { close(s.closed) }

// watch ends sessions whose time is over, and those of tokens that have changed: who
// takes a token away means those that it has let in.
func (s *sessions) watch(tokens func(Role) (string, error)) {
	ticks := time.NewTicker(tokensEvery)
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
			s.look(tokens, time.Now())
		case <-s.closed:
			return
		}
	}
}

func (s *sessions) look(tokens func(Role) (string, error), now time.Time) {
	s.mu.Lock()
	none := len(s.byID) == 0
	s.mu.Unlock()
	if none {
		return
	}
	current := map[Role][sha256.Size]byte{}
	for _, role := range Roles {
		if token, err := tokens(role); err == nil {
			current[role] = sha256.Sum256([]byte(token))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.byID {
		is, ok := current[l.role]
		if ok && is != l.token || now.After(l.until) { // a file that cannot be read says nothing
			s.drop(l)
		}
	}
}

// identity is who a session is.
type identity struct {
	Role    Role   `json:"role"`
	Version string `json:"version"`
}

// login begins a session for whoever shows a token.
func (c *Console) login(w http.ResponseWriter, r *http.Request) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || token == "" {
		answer(w, http.StatusUnauthorized, problem("show a token of the console, as Authorization: Bearer TOKEN"))
		return
	}
	shown := sha256.Sum256([]byte(token))
	read := 0
	for _, role := range Roles {
		want, err := c.opts.Tokens(role)
		if err != nil {
			continue // there is none, and nobody has it
		}
		read++
		if is := sha256.Sum256([]byte(want)); subtle.ConstantTimeCompare(shown[:], is[:]) == 1 {
			l := c.sessions.begin(role, token)
			http.SetCookie(w, &http.Cookie{
				Name: cookieName, Value: l.id, Path: Path, MaxAge: int(sessionTime / time.Second),
				HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: secure(r),
			})
			c.log.Info("the console: a session begins", "role", string(role), "address", r.RemoteAddr)
			answer(w, http.StatusOK, identity{role, c.opts.Version})
			return
		}
	}
	if read == 0 {
		answer(w, http.StatusServiceUnavailable, problem("the server has no token for the console yet: see flashpod serve --console-tokens, and its log"))
		return
	}
	delay := c.opts.Guesses.Wrong(r.RemoteAddr, time.Now())
	c.log.Warn("the console: a wrong token", "address", r.RemoteAddr)
	if delay > 0 {
		w.Header().Set("Connection", "close")
	}
	wait(r, delay)
	answer(w, http.StatusUnauthorized, problem("this is no token of the console: the server's operator finds it in the folder that flashpod serve prints"))
}

// secure says whether the page was loaded by TLS, whoever speaks that.
func secure(r *http.Request) bool {
	return r.TLS != nil || strings.HasPrefix(r.Header.Get("Origin"), "https://")
}

func (c *Console) whoami(w http.ResponseWriter, _ *http.Request, l *login) {
	answer(w, http.StatusOK, identity{l.role, c.opts.Version})
}

func (c *Console) logout(w http.ResponseWriter, r *http.Request, l *login) {
	c.sessions.end(l)
	http.SetCookie(w, &http.Cookie{Name: cookieName, Path: Path, MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: secure(r)})
	c.done(w, r, nil)
}
