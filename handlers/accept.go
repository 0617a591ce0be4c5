package handlers

import (
	"mime"
	"strconv"
	"strings"
)

// octets is the type of bytes about which nothing else is known (RFC 2046 §4.5.1).
const octets = "application/octet-stream"

// prefersJSON tells whether the fields of an Accept header ask for JSON rather than for what is of another type. With
// equal weights the other type, which is what the bytes are, goes first.
func prefersJSON(fields []string, other string) bool {
	if len(fields) == 0 {
		return false
	}
	return quality(fields, "application/json") > quality(fields, other)
}

// quality is the weight that the fields of an Accept header give a media type, from 0 to 1. Of the ranges that hold the
// type the most precise one counts (RFC 9110 §12.5.1).
func quality(fields []string, mediaType string) float64 {
	if name, _, err := mime.ParseMediaType(mediaType); err == nil {
		mediaType = name
	}
	family, _, _ := strings.Cut(mediaType, "/")
	weight, precision := 0.0, 0
	for member := range strings.SplitSeq(strings.Join(fields, ","), ",") {
		name, parameters, _ := strings.Cut(member, ";")
		found := 0
		switch strings.ToLower(strings.TrimSpace(name)) {
		case mediaType:
			found = 3
		case family + "/*":
			found = 2
		case "*/*":
			found = 1
		}
		if found > precision {
			weight, precision = weightOf(parameters), found
		}
	}
	return weight
}

// weightOf reads the parameter q among those of a range; 1 when there is none, 0 when it is no number from 0 to 1.
func weightOf(parameters string) float64 {
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, text, _ := strings.Cut(parameter, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "q") {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil || !(q >= 0 && q <= 1) {
			return 0
		}
		return q
	}
	return 1
}
