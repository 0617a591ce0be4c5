package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"hash"
	"strconv"
	"sync"
	"time"
)

// header is the encoded {"alg":"HS256","typ":"JWT"} of every issued token and the dot after it.
const header = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."

// signer returns the signed token for a name, which is not empty, and an expiry.
type signer func(name string, expires time.Time) string

// newSigner returns a signer for HS256 with key.
//
// It writes the compact form of RFC 7515 §3.1 itself. Header, issuer and claim names never change, so only the name is
// left to encode, and an HMAC that is reset costs no new key schedule. Through the JWT library a token takes five times
// as long and as many allocations, which alone would be a large part of a request. What is written here is read
// back by the library's parser in the tests.
func newSigner(key []byte) signer {
	encoding := base64.RawURLEncoding // RFC 7515 §2
	macs := sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}
	return func(name string, expires time.Time) string {
		claims := encodeClaims(name, expires)
		size := len(header) + encoding.EncodedLen(len(claims)) + len(".") + encoding.EncodedLen(sha256.Size)
		out := append(make([]byte, 0, size), header...)
		out = encoding.AppendEncode(out, claims)

		mac := macs.Get().(hash.Hash)
		defer macs.Put(mac)
		mac.Reset()
		mac.Write(out)

		out = append(out, '.')
		out = encoding.AppendEncode(out, mac.Sum(nil))
		return string(out)
	}
}

// encodeClaims returns the claims of a token as JSON.
func encodeClaims(name string, expires time.Time) []byte {
	quoted, _ := json.Marshal(name) // A string always encodes.
	claims := make([]byte, 0, len(quoted)+64)
	claims = append(claims, `{"name":`...)
	claims = append(claims, quoted...)
	claims = append(claims, `,"iss":"`+issuer+`","exp":`...)
	claims = strconv.AppendInt(claims, expires.Unix(), 10)
	return append(claims, '}')
}
