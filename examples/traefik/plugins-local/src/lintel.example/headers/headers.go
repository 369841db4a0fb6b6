// Package headers removes request headers by name or beginning of name, and Lintel's own cookies:
// the two things that Traefik's built-in middlewares cannot do. Traefik interprets it; nothing has to be compiled.
package headers

import (
	"context"
	"net/http"
	"strings"
)

// Config is what the dynamic configuration says.
type Config struct {
	RemoveNames         []string `json:"removeNames,omitempty"`
	RemovePrefixes      []string `json:"removePrefixes,omitempty"`
	RemoveLintelCookies bool     `json:"removeLintelCookies,omitempty"`
}

// CreateConfig returns the default configuration: nothing is removed.
func CreateConfig() *Config {
	return &Config{}
}

type cleaner struct {
	next     http.Handler
	names    map[string]bool
	prefixes []string
	cookies  bool
}

// New makes the middleware.
func New(_ context.Context, next http.Handler, config *Config, _ string) (http.Handler, error) {
	c := &cleaner{next: next, names: map[string]bool{}, cookies: config.RemoveLintelCookies}
	for _, name := range config.RemoveNames {
		c.names[strings.ToLower(name)] = true
	}
	for _, prefix := range config.RemovePrefixes {
		c.prefixes = append(c.prefixes, strings.ToLower(prefix))
	}
	return c, nil
}

func (c *cleaner) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	for name := range req.Header {
		if c.removes(strings.ToLower(name)) {
			delete(req.Header, name)
		}
	}
	// Fields after the body are no place for anything that an app trusts.
	req.Trailer = nil
	if c.cookies {
		removeLintelCookies(req.Header)
	}
	c.next.ServeHTTP(rw, req)
}

func (c *cleaner) removes(name string) bool {
	if c.names[name] {
		return true
	}
	for _, prefix := range c.prefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func removeLintelCookies(header http.Header) {
	kept := []string{}
	for _, line := range header["Cookie"] {
		for _, cookie := range strings.Split(line, ";") {
			cookie = strings.TrimSpace(cookie)
			if cookie != "" && !isLintelCookie(cookie) {
				kept = append(kept, cookie)
			}
		}
	}
	delete(header, "Cookie")
	if len(kept) > 0 {
		header["Cookie"] = []string{strings.Join(kept, "; ")}
	}
}

func isLintelCookie(cookie string) bool {
	name := strings.ToLower(strings.TrimSpace(strings.SplitN(cookie, "=", 2)[0]))
	name = strings.TrimPrefix(strings.TrimPrefix(name, "__host-"), "__secure-")
	return name == "lintel" || strings.HasPrefix(name, "lintel-")
}
