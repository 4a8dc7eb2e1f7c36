"""What a network is: graph, report, and inference between them."""
