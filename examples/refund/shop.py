from pydantic import Field

from interlock import App, Contract, Escalation, Money, Run, Said, Scratchpad, action, guardrail, workflow


class OrderId(str):
    """An order's number, such as A1234."""

    @classmethod
    def read(cls, text, today):  # what a customer's words say, or None: then it is asked for
        words = [word.strip(".,!?").upper() for word in text.split()]
        return next((cls(word) for word in words if word[:1] == "A" and word[1:].isdigit()), None)


class Refund(Contract):
    thinking: Scratchpad  # written first, kept in the journal, never shown
    order: Said[OrderId] = Field(description="Which order?")  # only words of the customer, read by code
    amount: Said[Money] | None = Field(None, description="How much should we pay back?")


@guardrail
def within_limit(refund: Refund) -> bool:
    """Up to 500 EUR can be paid back here."""
    return refund.amount is None or refund.amount.amount <= 500


@action  # a side effect: once, whatever crashes
async def pay_back(order: str, key: str) -> str:
    return f"{order} under {key}"  # your shop's API, with `key` as its idempotency key


@workflow(intent="refund", examples=["I want my money back"], actions=[pay_back])
async def refund(run: Run) -> str | Escalation:
    """Give a customer the money back for one order."""
    form = await run.collect(Refund)  # asks only for what is missing
    await run.require(within_limit, form, field="amount")
    if not await run.confirm(f"Refund {form.order}?"):
        return "Nothing was changed."
    return f"Refunded: {await run.do(pay_back, form.order)}."


app = App("Shop", workflows=[refund])
