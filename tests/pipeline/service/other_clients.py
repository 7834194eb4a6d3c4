"""What other people's clients do with a server, run by a Python that has them: prints a line for each that held.

Usage: python other_clients.py http://localhost:PORT/v1 MODEL
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Literal


def main(url: str, model: str) -> None:
    from openai import OpenAI
    from pydantic import BaseModel

    class Review(BaseModel):
        name: str
        mood: Literal["good", "bad"]

    asked = "Tell me about trains."
    plain = OpenAI(base_url=url, api_key="none", max_retries=0)

    import instructor

    for mode in (instructor.Mode.JSON_SCHEMA, instructor.Mode.TOOLS):
        patched = instructor.from_openai(plain, mode=mode)
        review = patched.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": asked}],
            response_model=Review,
            temperature=1.5,
            max_tokens=300,
            max_retries=0,
        )
        assert isinstance(review, Review)
        print("instructor", mode.value)

    from langchain_openai import ChatOpenAI

    for method in ("json_schema", "function_calling"):
        chat = ChatOpenAI(base_url=url, api_key="none", model=model, temperature=1.5, max_retries=0)
        found = chat.with_structured_output(Review, method=method).invoke(asked)
        assert isinstance(found, Review)
        print("langchain", method)

    from pydantic_ai import Agent, NativeOutput, ToolOutput
    from pydantic_ai.exceptions import UsageLimitExceeded
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider
    from pydantic_ai.usage import UsageLimits

    served = OpenAIChatModel(model, provider=OpenAIProvider(base_url=url, api_key="none"))
    settings = {"temperature": 1.5, "max_tokens": 300}
    for output in (NativeOutput(Review), ToolOutput(Review)):
        agent = Agent(served, output_type=output, model_settings=settings, retries=0)
        assert isinstance(agent.run_sync(asked).output, Review)
        print("pydantic-ai", type(output).__name__)
    heard: list[str] = []
    talker = Agent(served, retries=0)

    @talker.tool_plain
    def weather(city: Literal["Goa", "Bali"]) -> str:
        """The weather of a city."""
        heard.append(city)
        return "rain"

    for seed in range(20):  # a random model calls it sooner or later, and may go on calling it
        with suppress(UsageLimitExceeded):
            talker.run_sync(asked, model_settings={**settings, "seed": seed}, usage_limits=UsageLimits(request_limit=2))
        if heard:
            break
    assert set(heard) <= {"Goa", "Bali"}
    assert heard
    print("pydantic-ai", "tool")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
