package guanaitong

import (
	"context"
	"encoding/json"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/check"
)

var accounts = operation{path: "/assets/account/employee/get", timeLimit: readLimit, repeatable: true}

// AccountsRequest names an employee by exactly one of his numbers.
type AccountsRequest struct {
	UserID         string `url:"userid,omitempty" validate:"max=64" secret:"true"`     // the enterprise's lasting id of the employee
	CorpCode       string `url:"corp_code,omitempty" validate:"max=20"`                // staff number
	EnterpriseCode string `url:"enterprise_code,omitempty" validate:"max=20"`          // required for group and operator apps
	ThirdType      int    `url:"thirdType,omitempty" validate:"omitempty,min=1,max=5"` // whose id it is: 1 WeCom, 2 DingTalk, 3 Feishu, 4 custom, 5 standard
}

func (r AccountsRequest) check(string) duopay.Violations {
	return check.ExactlyOne("userid", r.UserID, "corp_code", r.CorpCode)
}

// AccountsReply has the accounts of an employee.
type AccountsReply struct {
	Reply
	Accounts []Account
}

// Account is one account of an employee.
type Account struct {
	OpenID  duopay.Text   `json:"account_openid"` // for PayRequest.AccountOpenID
	Name    duopay.Text   `json:"name"`           // what it is called
	Type    AccountType   `json:"type"`           // AccountPoints, AccountQuota
	Balance duopay.Amount `json:"balance"`        // yuan
	Status  AccountStatus `json:"status"`         // AccountValid, AccountInvalid
}

// AccountType is the type of an account.
type AccountType string

// The types of accounts. That of a quota is 4, though its pay_type is 2.
const (
	AccountPoints AccountType = "1"
	AccountQuota  AccountType = "4"
)

// UnmarshalJSON takes a number or a string.
func (t *AccountType) UnmarshalJSON(data []byte) error { return (*duopay.Text)(t).UnmarshalJSON(data) }

// AccountStatus tells whether an account is good.
type AccountStatus string

// The states of accounts.
const (
	AccountValid   AccountStatus = "1"
	AccountInvalid AccountStatus = "2"
)

// UnmarshalJSON takes a number or a string.
func (s *AccountStatus) UnmarshalJSON(data []byte) error {
	return (*duopay.Text)(s).UnmarshalJSON(data)
}

func (r *AccountsReply) read(p payload) (err error) {
	if p.data == nil {
		return nil // no account
	}
	r.Accounts, err = decodeList(p.data, func(element json.RawMessage, a *Account) error { return decode(element, a) })
	return err
}

// Accounts asks for the accounts of an employee, one of which
// PayRequest.AccountOpenID may have to name. It changes nothing and is
// repeated if the answer is unclear.
//
// Source: the provider's page of assets/account/employee/get.
func (c *Client) Accounts(ctx context.Context, r AccountsRequest) (*AccountsReply, error) {
	return call(ctx, c, accounts, r, accepted[AccountsReply])
}
