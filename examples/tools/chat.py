"""An existing chat client with tools, unchanged but for its base_url: python chat.py http://localhost:8000/v1 MODEL"""

import json
import sys

from openai import OpenAI

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "The weather of a city",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"enum": ["Goa", "Bali", "Oslo"]},
                    "days": {"type": "integer", "minimum": 1, "maximum": 7},
                },
                "required": ["city", "days"],
                "additionalProperties": False,
            },
        },
    }
]


def weather(city: str, days: int) -> str:
    """What the tool does."""
    return f"{city}: {days} days of rain"


def main(url: str, model: str) -> None:
    client = OpenAI(base_url=url, api_key="none")
    messages = [{"role": "user", "content": "Do I need an umbrella in Goa?"}]
    choice = client.chat.completions.create(
        model=model, messages=messages, tools=TOOLS, tool_choice="required"
    ).choices[0]
    messages.append(choice.message.model_dump(exclude_none=True))
    for call in choice.message.tool_calls:
        result = weather(**json.loads(call.function.arguments))  # always what the parameters say
        print(result)
        messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    answer = client.chat.completions.create(model=model, messages=messages, max_completion_tokens=60)
    print(answer.choices[0].message.content)


if __name__ == "__main__":
    main(*sys.argv[1:])
