"""A typed client of the service: deadlines by default, retries where they are safe, errors as the library raises them.

    with Client("127.0.0.1:50151") as client:
        answer = client.predict_emergence("ladder-cpu", "ng2", tokens_per_parameter=20)
        print(answer.statement)

Answers are the messages of `scaling.v1`; every prediction names the version that answered and its data.
"""

from scaling.client._channel import SERVICE_CONFIG, Tls
from scaling.client._client import DEFAULT_TIMEOUT_SECONDS, Client
from scaling.client._convert import convention_of
from scaling.client._errors import ServiceError, error_of

__all__ = ["DEFAULT_TIMEOUT_SECONDS", "SERVICE_CONFIG", "Client", "ServiceError", "Tls", "convention_of", "error_of"]
