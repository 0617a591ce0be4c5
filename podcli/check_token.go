package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/spf13/cobra"
)

// tokenName is whom the tokens of checks are for.
const tokenName = "podcli"

func newCheckToken() *cobra.Command {
	return checkAPI(&cobra.Command{
		Use:   "token URL",
		Short: "Check that podinfo issues a token and accepts it",
		Long: "Check that podinfo issues a token and accepts it: POST /token, then GET /token/validate with the token,\n" +
			"both below URL, which is podinfo's address with its prefix. The token is shown nowhere.",
		Example: "  podcli check token localhost:9898\n" +
			"  podcli check token --ca-file=ca.pem https://podinfo:9899/prefix",
	}, probeToken)
}

// probeToken lets podinfo issue a token, and validate it.
func probeToken(ctx context.Context, api *api) ([]slog.Attr, error) {
	answer, err := api.call(ctx, http.MethodPost, "token", "", tokenName, http.StatusOK)
	if err != nil {
		return nil, err
	}
	var issued struct {
		Token string `json:"token"`
	}
	// A decoder's error may quote the answer, and with it the token.
	if json.Unmarshal([]byte(answer), &issued) != nil || issued.Token == "" {
		return nil, errors.New("the answer to POST /token holds no token")
	}
	answer, err = api.call(ctx, http.MethodGet, "token/validate", issued.Token, "", http.StatusOK)
	if err != nil {
		return nil, err
	}
	var valid struct {
		Name    string `json:"token_name"`
		Expires string `json:"expires_at"`
	}
	if json.Unmarshal([]byte(answer), &valid) != nil || valid.Name != tokenName {
		return nil, fmt.Errorf("the answer to GET /token/validate does not name %s, whom the token is for", tokenName)
	}
	return []slog.Attr{slog.String("token_name", valid.Name), slog.String("expires_at", valid.Expires)}, nil
}
